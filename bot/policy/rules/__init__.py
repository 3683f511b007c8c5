"""The rules, one module per noun: each judges one case and says passed, escalates or forbids, with its inputs.

Every rule always reports, so that "why?" has an answer. Must not know: which rule wins; ``decide`` compares them.
"""
