"""The policy file: from text to a frozen policy, with the place and the remedy of everything that is wrong.

It knows what can be written and what contradicts itself. Must not know: what follows from it for an incident; that is
the business of ``rules``.
"""
