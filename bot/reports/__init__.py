"""Reports over what is on record: the post-incident document.

Must not know: Slack, the monitoring, or how to change anything; a report reads.
"""
