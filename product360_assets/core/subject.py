"""Whose key a column holds, and what becomes of a row when that one asks to be erased.

The hazard is a row that cannot do without the key: it is removed, never left without.
"""

from __future__ import annotations

from pydantic import Field

from product360_assets.core.treatments import Name, Treated
from spark.tables.model import ErasureMode


class OfSubject(Treated):
    """The part of a column's contract that says whose key it holds, if anybody's."""

    subject: Name | None = Field(
        None, description="The kind of person whose key it holds, such as customer"
    )
    erasure: ErasureMode = Field(
        "remove",
        description="What becomes of a row when its subject is erased. remove: nothing of it is "
        "kept; anonymise: the row stays, with null for the key",
    )

    @property
    def published_nullable(self) -> bool:
        """Whether it can be null in clean; whoever was erased may leave null."""
        return super().published_nullable or self.erasure == "anonymise"

    def erasure_complaint(self, *, is_key: bool) -> str | None:
        """What is wrong with it as the key of a subject; None when nothing is."""
        if self.subject and self.treatment != "keep":
            return (
                f"holds the keys of subjects and has the treatment {self.treatment}; a subject is "
                "found by a key that is kept"
            )
        if self.erasure == "anonymise" and (not self.subject or is_key):
            return (
                "has the erasure anonymise; only the key of a subject has one, and only where it "
                "is not part of the row's key"
            )
        return None
