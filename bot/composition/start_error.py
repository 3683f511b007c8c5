"""Why a start can fail, in one kind of error that whoever started it can show."""


class StartError(Exception):
    """A part cannot start; the text names the part, the value and the remedy."""
