"""The gates, run: what a runbook must pass on staging before it may act by itself.

A conductor runs them one after the other in a child process that has a database of its own. It tells what was seen;
whether that earns a licence is for others to judge.
"""
