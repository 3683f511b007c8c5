"""Hostile input for the real bot, made from a seed: ``make fuzz``."""
