"""The second way to reach people, for when Slack does not take what they must see.

It tells the same notices as Slack would, as plain text, to other recipients. Must not know: Slack, the database behind
the protocols.
"""
