"""Every error the platform raises on purpose, in one tree.

    Product360Error
    ├── RetryableError            the same call may succeed later
    │   ├── ServiceUnavailable    a service does not answer, or has no adapter here
    │   ├── DeadlineExceeded      a wait ended before what it waited for
    │   ├── LockHeld              somebody else is at work on the same thing
    │   ├── LockLost              a lock that changed hands while its holder slept
    │   ├── TableMoved            a table that another commit has changed meanwhile
    │   └── SourceUnreachable     a source system does not answer
    └── TerminalError             the same call will fail again until somebody acts
        ├── SettingInvalid        an environment variable that means nothing here
        ├── KeyInvalid            an object key that some store could not hold
        ├── ObjectMissing         no object under that key
        ├── ObjectChanged         the object is no longer the version that was asked for
        ├── ObjectExists          a write-once key already holds other bytes
        ├── DeleteRefused         objects of this zone are never deleted
        ├── ObjectClaimed         another batch holds that object
        ├── LedgerConflict        the ledger holds something else than expected
        ├── RegistryConflict      somebody else published or switched meanwhile
        ├── EventInvalid          a message that announces nothing that can be read
        ├── RoutingInvalid        a file of alert routes that contradicts itself
        ├── SecretMissing         a connection that nobody published
        ├── CredentialsExpired    credentials of ours that ended, and that nothing renews
        ├── BudgetExceeded        work that could cost more than is allowed
        ├── TokenUnknown          no token, or none that a key of ours made
        ├── ContractInvalid       a source's YAML contradicts itself or its data
        ├── ContractBreaking      a contract that would break what relies on the published one
        ├── SourcePaused          an operator has paused that source
        ├── CorrectionRefused     a correction that fits no row in quarantine
        ├── JobFailed             a job said that it failed
        ├── ReportMissing         a job ended without saying anything
        ├── SourceRejected        a source system answered no
        ├── ChangesLost           a source system no longer has changes that were not delivered
        ├── TableMissing          no such table in the catalog
        ├── CatalogRefused        what a catalog does not let us write, or has of somebody else
        ├── AuditFailed           rows that a blocking check keeps from being published
        ├── MaintenanceRefused    upkeep of a table that would hurt its writers or its readers
        ├── QueryRejected         SQL that this reader may not run
        ├── HomeMismatch          a home that holds something else than asked for
        ├── StorageFull           a disk without room for what is being written
        ├── StorageReadOnly       a folder that must be written and cannot be
        ├── PortTaken             a port that another program listens on
        ├── HomeTaken             a home on which another daemon works
        ├── PythonUnfit           a Python that cannot run this project
        └── EngineUnavailable     the chosen engine cannot run on this machine

The hazard: an error without a next move costs its reader an hour. All four parts are required, and
they stay attributes, so that a caller decides on parts and never on text.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar


class Product360Error(Exception):
    """What went wrong with one thing, and what to do about it.

    Attributes:
        thing: what the error is about, by its name or id.
        found: what was there.
        expected: what should have been there.
        next_move: what the reader can do now.
        retryable: whether the same call may succeed later without anybody acting.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, thing: str, *, found: str, expected: str, next_move: str) -> None:
        super().__init__(thing)
        self.thing = thing
        self.found = found
        self.expected = expected
        self.next_move = next_move

    def __str__(self) -> str:
        return (
            f"{_sentence(self.thing + ': found ' + self.found)} "
            f"{_sentence('Expected ' + self.expected)} {_sentence('Next: ' + self.next_move)}"
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.thing!r}, found={self.found!r}, "
            f"expected={self.expected!r}, next_move={self.next_move!r})"
        )

    def __reduce__(self) -> tuple[Callable[[], Product360Error], tuple[()]]:
        # Pickle calls an exception's class with its positional arguments only; ours are by keyword.
        return (
            partial(
                type(self),
                self.thing,
                found=self.found,
                expected=self.expected,
                next_move=self.next_move,
            ),
            (),
        )


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


class RetryableError(Product360Error):
    """The same call may succeed later."""

    retryable = True


class TerminalError(Product360Error):
    """The same call fails again until somebody acts."""


class ServiceUnavailable(RetryableError):
    """A service does not answer, or this environment has no adapter for it."""


class DeadlineExceeded(RetryableError):
    """A wait ended before what it waited for."""


class LockHeld(RetryableError):
    """Somebody else is at work on the same thing."""


class LockLost(RetryableError):
    """The lock changed hands while its holder was silent."""


class TableMoved(RetryableError):
    """A table has another state than the one that a commit was made from."""


class SourceUnreachable(RetryableError):
    """A source system does not answer."""


class SettingInvalid(TerminalError):
    """An environment variable that means nothing here."""


class KeyInvalid(TerminalError):
    """An object key that some store could not hold."""


class ObjectMissing(TerminalError):
    """No object under that key."""


class ObjectChanged(TerminalError):
    """The object is no longer the version that was asked for."""


class ObjectExists(TerminalError):
    """A write-once key already holds an object."""


class DeleteRefused(TerminalError):
    """Objects of this zone are never deleted."""


class ObjectClaimed(TerminalError):
    """Another batch holds that object."""


class LedgerConflict(TerminalError):
    """The ledger holds something else than the caller expected."""


class RegistryConflict(TerminalError):
    """The registry holds another version than the caller had seen."""


class EventInvalid(TerminalError):
    """A message that announces nothing that can be read."""


class RoutingInvalid(TerminalError):
    """A file of alert routes that contradicts itself."""


class SecretMissing(TerminalError):
    """A connection that nobody published."""


class CredentialsExpired(TerminalError):
    """Credentials of ours have ended, and nothing renews them."""


class BudgetExceeded(TerminalError):
    """Work that could cost more than is allowed."""


class TokenUnknown(TerminalError):
    """No token, or none that a key of ours made."""


class ContractInvalid(TerminalError):
    """A source contract contradicts itself or its data."""


class ContractBreaking(TerminalError):
    """A contract that would break what relies on the published one."""


class SourcePaused(TerminalError):
    """An operator has paused that source."""


class CorrectionRefused(TerminalError):
    """A correction that fits no row in quarantine."""


class JobFailed(TerminalError):
    """A job said that it failed."""


class ReportMissing(TerminalError):
    """A job ended without saying anything."""


class SourceRejected(TerminalError):
    """A source system answered no."""


class ChangesLost(TerminalError):
    """A source system no longer has changes that were not delivered."""


class TableMissing(TerminalError):
    """No such table in the catalog."""


class CatalogRefused(TerminalError):
    """A catalog does not take what is to be written, or holds something of somebody else there."""


class AuditFailed(TerminalError):
    """What was to be published breaks a blocking check, so no reader gets to see it."""


class MaintenanceRefused(TerminalError):
    """Upkeep of a table that would hurt a writer or a reader of it."""


class QueryRejected(TerminalError):
    """SQL that this reader may not run."""


class HomeMismatch(TerminalError):
    """A home that holds something else than asked for."""


class StorageFull(TerminalError):
    """A disk without room for what is being written."""


class StorageReadOnly(TerminalError):
    """A folder that must be written and cannot be."""


class PortTaken(TerminalError):
    """A port that another program listens on."""


class HomeTaken(TerminalError):
    """A home on which another daemon works."""


class PythonUnfit(TerminalError):
    """A Python that cannot run this project."""


class EngineUnavailable(TerminalError):
    """The chosen engine cannot run on this machine."""
