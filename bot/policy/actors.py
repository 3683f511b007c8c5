"""Who did something, in words, where it was no person of the workspace.

The record names everybody by a short word; what people read should not need a key to it.
"""

_IN_WORDS = {"link": "{} (through a link)", "os": "{} (on the command line)", "file": "the file {}", "change": "{}"}


def in_words(actor: str) -> str:
    """``link:alice@example.com`` -> "alice@example.com (through a link)"; anything else stays as it is."""
    kind, separator, name = actor.partition(":")
    return _IN_WORDS[kind].format(name) if separator and kind in _IN_WORDS else actor


def is_file(actor: str) -> bool:
    """Whether it was a pause file, which only its removal ends."""
    return actor.startswith("file:")
