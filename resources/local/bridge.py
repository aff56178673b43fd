"""A REST catalog on loopback that lets engines reach the local catalog, for as long as they work.

Being the one door for commits, it stamps properties onto snapshots (Sail cannot set any), lets what
is to be audited land on a branch (Sail cannot write any), refuses to commit again what is in the
table, and can fail on demand. What it answers stands in `bridge_routes`, and why in
`bridge_errors`.

Three hazards. An engine takes 5xx as "committed or not, nobody knows" and 4xx as "not committed",
upon which it deletes the files of the commit (409: and tries again). So a commit that failed is
answered with 4xx, one that was applied never, even if it is asked for twice, and 500 is left for
the case where nobody knows indeed. A job that slept while another did its work appends it once more
when it wakes, since engines try again where the table has moved on; so a commit names what may
stand in the table once. And loopback is open to every user of the machine: each bridge
has a random token, asked for in every request.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from resources.audit_branches import AuditBranch, require_unmoved
from resources.audit_commits import redirected
from resources.errors import TableMoved
from resources.local.bridge_errors import (
    CommitFault,
    CommitStateUnknownError,
    InjectedFaultError,
    RefusedError,
)
from resources.local.bridge_server import BridgeServer

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import CommitTableResponse, Table
    from pyiceberg.table.update import TableRequirement, TableUpdate

    from resources.audit_commits import Commit


@dataclass(frozen=True)
class _Stamp:
    """What is done to the commits of one job; `once` is what only one commit may carry."""

    properties: Mapping[str, str] = field(default_factory=dict)
    once: Mapping[str, str] = field(default_factory=dict)
    branch: AuditBranch | None = None


class CatalogBridge:
    """Serves one catalog on an ephemeral port of loopback until it is closed."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.token = secrets.token_urlsafe(24)
        self.faults: deque[CommitFault] = deque()
        self._stamps: list[_Stamp] = []
        self._server = BridgeServer(self)
        self.uri = self._server.uri
        self._thread = threading.Thread(
            # It looks that often, in seconds, whether it shall stop; requests are answered at once.
            target=self._server.serve_forever,
            args=(0.05,),
            name="catalog-bridge",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering; a commit that is being applied is applied to its end."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def stamp(
        self,
        properties: Mapping[str, str],
        *,
        once: str | None = None,
        branch: AuditBranch | None = None,
    ) -> Iterator[None]:
        """Add the properties to the summary of every snapshot committed meanwhile.

        A commit is refused where the table already has one with the same property `once`; where
        there is a `branch`, that holds for its table alone. What is committed to that table lands
        on it, once, and is refused if the table has moved since. Without a branch a commit is
        published as it lands.
        """
        only = {once: properties[once]} if once is not None else {}
        self._stamps.append(_Stamp(dict(properties), only, branch))
        try:
            yield
        finally:
            self._stamps.pop()

    def commit(
        self,
        identifier: tuple[str, ...],
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        """Apply one commit, with stamps and faults.

        Raises:
            Exception: whatever the catalog raised, and then the commit was not applied.
            CommitStateUnknownError: it may or may not have been applied.
        """
        fault = self.faults.popleft() if self.faults else None
        if fault and fault.moment == "before":
            raise InjectedFaultError(fault)
        response = self._apply(identifier, requirements, self._stamped(updates))
        if fault:
            raise InjectedFaultError(fault)
        return response

    def _apply(
        self,
        identifier: tuple[str, ...],
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        from pyiceberg.table import CommitTableResponse

        table = self.catalog.load_table(identifier)
        self._refuse_again(table, updates)
        try:
            commit = self._aside(table, (requirements, updates))
            return self.catalog.commit_table(table, *commit)
        except Exception:
            # Asked for twice (the first answer was lost), or failed after the swap: look.
            table = self._reload(identifier)
            if not _holds(table, updates):
                raise
            return CommitTableResponse(
                metadata=table.metadata, metadata_location=table.metadata_location
            )

    def _refuse_again(self, table: Table, updates: Sequence[TableUpdate]) -> None:
        """Refuse what another commit of the table's history has brought already."""
        from pyiceberg.table.snapshots import ancestors_of

        ours = _snapshots(updates)
        for name, value in self._only_once_in(_name_of(table)):
            for snapshot in ancestors_of(table.current_snapshot(), table.metadata):
                there = snapshot.summary.get(name) if ours and snapshot.summary else None
                if there == value and snapshot.snapshot_id not in ours:
                    raise RefusedError(
                        400,
                        "AlreadyCommittedException",
                        f"{name} {value} is in the table, by snapshot {snapshot.snapshot_id}",
                    )

    def _only_once_in(self, table: str) -> Iterator[tuple[str, str]]:
        for stamp in self._stamps:
            if stamp.branch is None or stamp.branch.table == table:
                yield from stamp.once.items()

    def _aside(self, table: Table, commit: Commit) -> Commit:
        """The commit as it lands: on its branch, if it is to be audited before anybody reads it.

        Refused with 400: an engine takes 409 for an invitation to put its old rows on top.
        """
        name = _name_of(table)
        branch = next((s.branch for s in self._stamps if s.branch and s.branch.table == name), None)
        if branch is None or not _snapshots(commit[1]):
            return commit
        try:
            require_unmoved(table.metadata, branch)
        except TableMoved as moved:
            raise RefusedError(400, "TableMovedException", str(moved)) from moved
        there = table.metadata.refs.get(branch.name)
        if there is not None:
            raise RefusedError(
                400,
                "AlreadyCommittedException",
                f"{branch.name} holds snapshot {there.snapshot_id}, and takes one commit",
            )
        return redirected(branch, commit)

    def _reload(self, identifier: tuple[str, ...]) -> Table:
        try:
            return self.catalog.load_table(identifier)
        except Exception as error:
            name = ".".join(identifier)
            raise CommitStateUnknownError(f"{name} may be committed or not: {error}") from error

    def _stamped(self, updates: Sequence[TableUpdate]) -> tuple[TableUpdate, ...]:
        from pyiceberg.table.snapshots import Summary
        from pyiceberg.table.update import AddSnapshotUpdate

        properties = {
            name: text for stamp in self._stamps for name, text in stamp.properties.items()
        }
        stamped: list[TableUpdate] = []
        for update in updates:
            if properties and isinstance(update, AddSnapshotUpdate):
                old = update.snapshot.summary
                summary = Summary.model_validate({**(old.ser_model() if old else {}), **properties})
                snapshot = update.snapshot.model_copy(update={"summary": summary})
                stamped.append(AddSnapshotUpdate(snapshot=snapshot))
            else:
                stamped.append(update)
        return tuple(stamped)


def _name_of(table: Table) -> str:
    return ".".join(table.name())


def _holds(table: Table, updates: Sequence[TableUpdate]) -> bool:
    """Whether every snapshot of the commit is in the table, and there is at least one."""
    wanted = _snapshots(updates)
    return bool(wanted) and all(table.metadata.snapshot_by_id(number) for number in wanted)


def _snapshots(updates: Sequence[TableUpdate]) -> list[int]:
    """Ids of the snapshots that a commit adds."""
    from pyiceberg.table.update import AddSnapshotUpdate

    return [u.snapshot.snapshot_id for u in updates if isinstance(u, AddSnapshotUpdate)]
