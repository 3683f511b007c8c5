"""The Slack surface: notices drawn as cards, delivered by one courier, and the people and connection they need.

Everything that leaves for Slack is made of the types in ``text`` and passes ``limits``. Knows the response layer's
notices and words; decides nothing and keeps nothing but caches.
"""
