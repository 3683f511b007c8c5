"""Assesses an incident: gathers what the world says now, has the policy decide, and puts the decision on the record.

It looks outside any transaction and changes nothing there; what it concludes is stored in one. Must not know: how
people answer, and how an action is carried out.
"""
