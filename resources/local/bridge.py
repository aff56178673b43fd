"""A REST catalog on loopback that lets engines reach the local catalog, for as long as they work.

Being the one door for commits, it stamps properties onto snapshots (Sail cannot set any), refuses
to commit again what is in the table, and can fail on demand. What it answers stands in
`bridge_routes`, and why in `bridge_errors`.

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
from typing import TYPE_CHECKING

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


class CatalogBridge:
    """Serves one catalog on an ephemeral port of loopback until it is closed."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.token = secrets.token_urlsafe(24)
        self.faults: deque[CommitFault] = deque()
        self._stamps: list[Mapping[str, str]] = []
        self._once: list[Mapping[str, str]] = []
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
    def stamp(self, properties: Mapping[str, str], *, once: str | None = None) -> Iterator[None]:
        """Add the properties to the summary of every snapshot committed meanwhile.

        A commit is refused where the table already has one with the same property `once`.
        """
        self._stamps.append(dict(properties))
        self._once.append({once: properties[once]} if once is not None else {})
        try:
            yield
        finally:
            self._stamps.pop()
            self._once.pop()

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
            return self.catalog.commit_table(table, requirements, updates)
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
        for name, value in ((name, value) for once in self._once for name, value in once.items()):
            for snapshot in ancestors_of(table.current_snapshot(), table.metadata):
                there = snapshot.summary.get(name) if ours and snapshot.summary else None
                if there == value and snapshot.snapshot_id not in ours:
                    raise RefusedError(
                        400,
                        "AlreadyCommittedException",
                        f"{name} {value} is in the table, by snapshot {snapshot.snapshot_id}",
                    )

    def _reload(self, identifier: tuple[str, ...]) -> Table:
        try:
            return self.catalog.load_table(identifier)
        except Exception as error:
            name = ".".join(identifier)
            raise CommitStateUnknownError(f"{name} may be committed or not: {error}") from error

    def _stamped(self, updates: Sequence[TableUpdate]) -> tuple[TableUpdate, ...]:
        from pyiceberg.table.snapshots import Summary
        from pyiceberg.table.update import AddSnapshotUpdate

        properties = {name: text for stamp in self._stamps for name, text in stamp.items()}
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


def _holds(table: Table, updates: Sequence[TableUpdate]) -> bool:
    """Whether every snapshot of the commit is in the table, and there is at least one."""
    wanted = _snapshots(updates)
    return bool(wanted) and all(table.metadata.snapshot_by_id(number) for number in wanted)


def _snapshots(updates: Sequence[TableUpdate]) -> list[int]:
    """Ids of the snapshots that a commit adds."""
    from pyiceberg.table.update import AddSnapshotUpdate

    return [u.snapshot.snapshot_id for u in updates if isinstance(u, AddSnapshotUpdate)]
