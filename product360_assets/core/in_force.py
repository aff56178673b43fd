"""Which contract a run goes by: the version of it that the registry has in force.

Git's YAML is where a contract is written, and what the graph is drawn from; a step asks the
registry when it runs. Where nothing was published yet, the first who asks publishes Git's. On a
laptop, what somebody has written since is published when everything is brought up to date.

The hazard is the way back: after a rollback, Git's YAML still says what was rolled back. So only a
contract that was never published before counts as new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from product360_assets.core.compatibility import Change, changes, refuse_breaking
from product360_assets.core.contract import SourceContract, TableContract
from resources.errors import ContractInvalid, RegistryConflict, SourcePaused
from resources.owners import operator
from resources.registry import Published, Registry, Switches, document_digest

FIRST_NOTE = "published by the first run"
WORKING_COPY_NOTE = "published from the working copy"


@dataclass(frozen=True)
class InForce:
    """A contract, and the version under which the registry has it in force."""

    contract: SourceContract
    version: int

    def table(self, name: str) -> TableContract:
        """The table as this version declares it.

        Raises:
            ContractInvalid: this version has no such table.
        """
        try:
            return self.contract.table(name)
        except KeyError as error:
            source = self.contract.name
            raise ContractInvalid(
                f"table {source}.{name}",
                found=f"version {self.version} of the contract in force, which has no such table",
                expected="a published version that declares it",
                next_move=f"product360 registry publish {source}",
            ) from error


def in_force(registry: Registry, declared: SourceContract) -> InForce:
    """The contract of a source that a run goes by.

    Args:
        registry: where it is published.
        declared: what Git says; published now if nothing ever was.

    Raises:
        ContractInvalid: what is published is no contract to this code.
    """
    latest = registry.latest(declared.name)
    if latest is None:
        latest = _publish_first(registry, declared)
    return InForce(contract_of(latest), latest.version)


def all_in_force(
    registry: Registry, declared: Mapping[str, SourceContract]
) -> dict[str, SourceContract]:
    """The contract of every source that a run goes by, by name; see `in_force`."""
    return {name: in_force(registry, contract).contract for name, contract in declared.items()}


def accepting(registry: Registry, declared: SourceContract) -> InForce:
    """The same, for a run that takes deliveries in.

    Raises:
        SourcePaused: an operator has paused the source.
        ContractInvalid: see `in_force`.
    """
    switches = registry.switches(declared.name)
    if switches.paused:
        raise SourcePaused(
            f"source {declared.name}",
            found=said_of(switches),
            expected="a source that takes deliveries in",
            next_move=f"product360 registry resume {declared.name}; what landed meanwhile waits",
        )
    return in_force(registry, declared)


def said_of(switches: Switches) -> str:
    """How a source is paused, in words; empty when it is not."""
    if not switches.paused:
        return ""
    since = f" since {switches.changed_at:%Y-%m-%d %H:%M} UTC" if switches.changed_at else ""
    return f"paused{since} by {switches.changed_by}: {switches.reason}"


def publish_working_copy(
    registry: Registry, declared: Iterable[SourceContract], log: Callable[[str], None]
) -> None:
    """Publish what Git says and was never published; `log` is told what that changes.

    Raises:
        ContractBreaking: a change would break what relies on the version in force; contracts
            before it in the order given are published.
    """
    for contract in declared:
        known = registry.versions(contract.name)
        digest = document_digest(document_of(contract))
        if not known:
            _publish_first(registry, contract, note=WORKING_COPY_NOTE)
        elif said := [each.version for each in known if each.digest == digest]:
            if said[-1] != known[-1].version:
                log(
                    f"{contract.name}: version {known[-1].version} is in force; the working copy "
                    f"says what version {said[-1]} said"
                )
        else:
            published, found = publish(
                registry, contract, latest=known[-1], note=WORKING_COPY_NOTE, by=operator()
            )
            log(
                f"{contract.name}: version {published.version} {published.note}: "
                + "; ".join(map(str, found))
            )


def publish(
    registry: Registry,
    contract: SourceContract,
    *,
    latest: Published | None,
    note: str,
    by: str,
    may_break: bool = False,
) -> tuple[Published, list[Change]]:
    """Publish a contract after `latest`, the version that its author has seen.

    Args:
        may_break: whether breaking changes pass; the note then says why.

    Returns:
        The version, and what it changes.

    Raises:
        ContractBreaking: a change is breaking and may not be.
        ContractInvalid: the latest version cannot be read, and breaking changes may not pass.
        RegistryConflict: another version is the latest by now.
    """
    found = _found(latest, contract, may_break=may_break)
    if latest is not None and not may_break:
        refuse_breaking(contract.name, latest.version, found)
    published = registry.publish(
        contract.name,
        document_of(contract),
        expected=None if latest is None else latest.version,
        note=note,
        by=by,
    )
    return published, found


def document_of(contract: SourceContract) -> Mapping[str, Any]:
    """The contract as one JSON document: what is written, without what goes without saying."""
    return contract.model_dump(mode="json", exclude_defaults=True)


def contract_of(published: Published) -> SourceContract:
    """The contract that a version states.

    Raises:
        ContractInvalid: it follows another model than this code's.
    """
    try:
        return SourceContract.model_validate(published.document)
    except ValidationError as error:
        first = error.errors()[0]
        raise ContractInvalid(
            f"version {published.version} of the contract of {published.source}",
            found=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            expected="a contract as this version of the code reads it",
            next_move="run the code that published it, or bring what Git says now into force: "
            f"product360 registry publish {published.source} --breaking --why …",
        ) from error


def _found(latest: Published | None, contract: SourceContract, *, may_break: bool) -> list[Change]:
    """What the contract changes; a version that cannot be read is no obstacle to what may break."""
    if latest is None:
        return []
    try:
        return changes(contract_of(latest), contract)
    except ContractInvalid:
        if not may_break:
            raise
        return []


def _publish_first(
    registry: Registry, declared: SourceContract, *, note: str = FIRST_NOTE
) -> Published:
    try:
        published, _ = publish(registry, declared, latest=None, note=note, by=operator())
    except RegistryConflict:
        # Somebody was first; theirs is in force.
        latest = registry.latest(declared.name)
        if latest is None:
            raise
        return latest
    return published
