"""Remediations of access: who and what may reach a system. None yet."""
