"""DECIDE: the pure core.

Everything here is a function of its arguments: no I/O, no framework, no clock, no randomness. ``now`` and ids
are passed in, so every decision can be replayed from the stored situation.
"""
