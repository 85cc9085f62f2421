"""What a user can mend: an error that says what was given, what was expected and what to do."""


class BuildError(Exception):
    """Shown without a traceback."""
