"""Watchkeeper: bounded autonomy for production operations."""
