"""Mutation testing of the decision core, by hand: ``make mutants``.

A *mutant* is the code with one small fault. One that no test notices has *survived*: either a test is missing, or the
fault makes no difference, and then the reason is written beside decision 15.
"""
