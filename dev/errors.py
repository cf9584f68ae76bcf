"""What ends a verb of the Makefile with one sentence instead of a traceback."""

from __future__ import annotations


class VerbError(Exception):
    """A verb cannot do its work. The text says why, and what to do."""
