"""Writes files that are never seen half-written."""

from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Replace the file's content, for our eyes only; whoever reads it, even after a crash, finds the old or the new."""
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_bytes(content)
    new.replace(path)
