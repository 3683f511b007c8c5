"""Remediations of an application's own making, such as its releases and feature flags."""
