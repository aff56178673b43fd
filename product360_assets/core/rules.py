"""What a contract claims about rows, and what becomes of those that break a claim."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from product360_assets.core.treatments import Name, Strict, Text

RuleAction = Literal["warn", "quarantine", "halt"]


class RuleContract(Strict):
    """A claim about every row. `expression` is SQL over the typed columns: true is good."""

    name: Name
    expression: Text
    action: RuleAction
    why: Text


class UniqueContract(Strict):
    """What happens to a second row of a key within one batch."""

    action: RuleAction
    why: Text


class QuarantineContract(Strict):
    """How many days of the data's own calendar a rejected row may wait for somebody."""

    warn_after_days: int = Field(7, gt=0)
    fail_after_days: int = Field(30, gt=0)

    @model_validator(mode="after")
    def _warns_before_it_fails(self) -> QuarantineContract:
        if self.warn_after_days > self.fail_after_days:
            raise ValueError(
                f"quarantine: fail_after_days is {self.fail_after_days}, which is before "
                f"warn_after_days ({self.warn_after_days})"
            )
        return self
