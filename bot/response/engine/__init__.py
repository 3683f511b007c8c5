"""Durable execution: runs the flows, and recovers those of a process whose liveness lock is free.

The only room that knows DBOS. Must not know: what a flow does, or about what.
"""
