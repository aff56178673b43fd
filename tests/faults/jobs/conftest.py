"""A cleaner that runs `clean` on files that a test writes, and reads back what it made."""

from cleaner import cleaner, make_cleaner

__all__ = ["cleaner", "make_cleaner"]
