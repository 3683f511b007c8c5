"""Reports of whoever deploys, drains or maintains: signed, read, stored.

Must not know: what a change holds, and how that learns of it.
"""
