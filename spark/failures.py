"""What stops a job on purpose. Each message says what was found, what was expected, what to do.

JobError
├── SpecInvalid         the spec asks for something that no job can do
├── DeliveryMissing     a file that the spec names is not there
├── RuleHalted          a rule whose action is `halt` was broken; nothing is published
├── KeyUnavailable      the key of hashes and tokens cannot be read
│   └── KeyUnanswered   what keeps it does not answer; the same job may succeed later
├── Withheld            an engine failed over values that its message may hold
└── RowsUnaccounted     rows in are not rows out plus rows quarantined; nothing may rely on it

The tree says what happened; the message says to what.
"""

from __future__ import annotations

from typing import ClassVar


class JobError(ValueError):
    """A job refuses to go on.

    Attributes:
        retryable: whether the same job may succeed later without anybody acting.
    """

    retryable: ClassVar[bool] = False


class SpecInvalid(JobError):
    """The spec asks for something that no job can do."""


class DeliveryMissing(JobError):
    """A file that the spec names is not there; Sail would read it as empty."""


class FileUnreadable(JobError):
    """No record can be read from a file; the file is quarantined as one record."""


class RuleHalted(JobError):
    """A rule whose action is `halt` was broken; nothing is published."""


class RowsUnaccounted(JobError):
    """Rows in are not rows out plus rows quarantined; nothing may rely on the output."""


class KeyUnavailable(JobError):
    """The key of hashes and tokens cannot be read; nothing is treated."""


class KeyUnanswered(KeyUnavailable):
    """What keeps the key does not answer; nothing is treated."""

    retryable = True


class Withheld(JobError):
    """An engine failed over values that nobody may read in a log; its own message is kept back."""
