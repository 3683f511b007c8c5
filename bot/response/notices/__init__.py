"""Notices: what people are told and who is told, drawn from rows in the transaction that changed them.

A notice has meaning and no layout. Must not know: Slack, and why a row changed; whoever changes it asks for the notice.
"""
