"""What is done to a column before clean is written: the words of a contract, and what they allow.

A treatment is applied while a batch is made clean, after every rule has judged the value as it was
delivered, and before anything is written. So clean, quarantine and all that is made of them hold
the treated form only; landing and raw keep what the source delivered.

The hazard: a treatment that does not fit its column either leaks or destroys. A key that is
redacted makes all rows one, a band over text is no band, and a domain without a keyed treatment
would promise a join that never works. Such a contract is refused, with the reason.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Treatment = Literal["keep", "hash", "redact", "tokenise", "generalise", "drop"]
Period = Literal["year", "quarter", "month"]

KEYED: frozenset[Treatment] = frozenset({"hash", "tokenise"})
# A key has to tell rows apart after the treatment as before it.
FOR_KEYS: frozenset[Treatment] = frozenset({"keep", "hash", "tokenise"})

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Text = Annotated[str, Field(min_length=1)]
ColumnType = Annotated[
    str,
    Field(
        pattern=r"^(string|int|bigint|double|boolean|date|timestamp"
        r"|decimal\(([1-9]|[12][0-9]|3[0-8]),([0-9]|[12][0-9]|3[0-8])\))$",
        description="A Spark type in lower case, such as bigint, timestamp or decimal(12,2)",
    ),
]


class Strict(BaseModel):
    """A part of a contract."""

    # A misspelled attribute must be an error: ignored, it would be a rule that never runs.
    model_config = ConfigDict(extra="forbid", frozen=True)


class Generalise(Strict):
    """The buckets of a column; exactly one way of making them. What comes out is text."""

    period: Period | None = Field(None, description="Of a date or time in UTC: 1974, 1974-Q2 …")
    bands: tuple[int | float, ...] | None = Field(
        None, description="Where the bands of a number begin; below the first is a band too"
    )
    prefix: Annotated[int, Field(gt=0)] | None = Field(
        None, description="First characters of a text; one that is not longer is hidden whole"
    )
    groups: dict[str, tuple[str, ...]] | None = Field(
        None, description="The values of each group; any other value is in the group `other`"
    )

    @property
    def way(self) -> str:
        """The attribute that is given."""
        return next(iter(self.model_dump(exclude_none=True)))

    @model_validator(mode="after")
    def _is_one_way(self) -> Generalise:
        given = sorted(self.model_dump(exclude_none=True))
        if len(given) != 1:
            found = " and ".join(given) or "nothing"
            raise ValueError(f"generalise has {found}; expected period, bands, prefix or groups")
        if self.bands is not None and list(self.bands) != sorted(set(self.bands)):
            raise ValueError(f"bands {self.bands} do not rise")
        members = [value for values in (self.groups or {}).values() for value in values]
        if twice := sorted({value for value in members if members.count(value) > 1}):
            raise ValueError(f"value {twice[0]!r} is in two groups")
        return self


class Treated(Strict):
    """The part of a column's contract that says how it is published."""

    type: ColumnType
    nullable: bool = False
    treatment: Treatment = Field("keep", description="What is done to it before clean is written")
    domain: Name | None = Field(
        None, description="hash, tokenise: columns of one domain match across tables"
    )
    replacement: str | None = Field(None, description="redact: a text instead of null")
    generalise: Generalise | None = Field(None, description="generalise: the buckets")

    @property
    def is_published(self) -> bool:
        """Whether clean has the column at all."""
        return self.treatment != "drop"

    @property
    def is_keyed(self) -> bool:
        """Whether its published form depends on a key."""
        return self.treatment in KEYED

    @property
    def published_type(self) -> str:
        """Its type in clean."""
        return self.type if self.treatment in ("keep", "redact", "drop") else "string"

    @property
    def published_nullable(self) -> bool:
        """Whether it can be null in clean."""
        if self.treatment == "redact":
            return self.replacement is None
        return self.nullable

    def treatment_document(self, *, default_domain: str) -> dict[str, Any] | None:
        """The treatment as the job is told it; None for a column that is kept."""
        if self.treatment == "keep":
            return None
        buckets = self.generalise.model_dump(exclude_none=True) if self.generalise else {}
        if "bands" in buckets:
            buckets["bands"] = [_written_out(edge) for edge in buckets["bands"]]
        return {
            "how": self.treatment,
            "domain": (self.domain or default_domain) if self.is_keyed else None,
            "replacement": self.replacement,
            **buckets,
        }

    @model_validator(mode="after")
    def _treatment_fits(self) -> Treated:
        if complaint := self._complaint():
            raise ValueError(complaint)
        return self

    def _complaint(self) -> str | None:
        if self.domain is not None and not self.is_keyed:
            return "a `domain` needs the treatment hash or tokenise"
        if self.replacement is not None and self.treatment != "redact":
            return "a `replacement` needs the treatment redact"
        if self.replacement is not None and self.type != "string":
            return f"a `replacement` is text, but the type is {self.type}; leave it out for null"
        if (self.generalise is not None) != (self.treatment == "generalise"):
            return "the treatment generalise and its attribute `generalise` go together"
        if self.is_keyed and self.type == "double":
            return f"a double cannot be treated with {self.treatment}; declare decimal(p,s)"
        return _misfit(self.generalise, self.type) if self.generalise else None


def _misfit(buckets: Generalise, kind: str) -> str | None:
    """Why these buckets cannot be made of that type; None when they can."""
    is_decimal = kind.startswith("decimal")
    fits = {
        "period": kind in ("date", "timestamp"),
        "bands": is_decimal or kind in ("int", "bigint", "double"),
        "prefix": kind == "string",
        "groups": kind in ("string", "int", "bigint"),
    }
    if not fits[buckets.way]:
        return f"generalise by {buckets.way} does not fit type {kind}"
    edges = buckets.bands or ()
    if kind in ("int", "bigint") and not all(isinstance(edge, int) for edge in edges):
        return f"bands of type {kind} begin at whole numbers"
    return None


def _written_out(edge: float) -> str:
    """A number as text without exponent, digit for digit as it stands in the contract."""
    return format(Decimal(str(edge)), "f")
