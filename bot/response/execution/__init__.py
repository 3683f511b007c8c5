"""Carries an action out: judged once more before it begins, begun at most once, verified, and ended in one way.

Harm that follows an act is recognised here too. Must not know: the clicks and deadlines that set an action in motion.
"""
