"""Reports over what is on record: time to repair, how often people stepped in, how good the oversight was. None yet.

Must not know: Slack, the monitoring, or how to change anything; a report reads.
"""
