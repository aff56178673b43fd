"""Makes a table anew from other published tables, only when something it depends on has changed.

It passes the same gate as every published table (`gate`). Such a table has no batches; what it
depends on is a fingerprint: the snapshots it reads, the code that reads them and every parameter.
The newest snapshot carries the fingerprint it was made from; while that is the one we would make
now, nothing is written. The hazard is an older snapshot with the right fingerprint: the table may
hold other data since, so only the current one counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from product360_assets.curated.commits import (
    AS_OF_DATE,
    CODE_VERSION,
    INPUTS,
    MADE_FROM,
    RUN_ID,
    digest_of,
    newest_snapshot,
)
from product360_assets.curated.gate import Audit, admit, again_if_moved, unaudited
from product360_assets.curated.since import Origin, origin_of
from resources.audit_branches import AuditBranch
from resources.audit_commits import branch_table
from resources.catalog import CatalogResource
from resources.errors import JobFailed, TableMissing, TableMoved
from spark.tables import Table

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

Properties = Mapping[str, str]
Write = Callable[[Properties, AuditBranch], None]


@dataclass(frozen=True)
class Derivation:
    """A table that is made from others.

    Attributes:
        upstream: identifiers of the published tables that it reads.
        as_of: last business day that it may know of.
        code_version: of whatever computes it.
        parameters: what else its content depends on; JSON.
        is_kept: whether it is brought up to date where that can be done, and not made whole.
    """

    table: Table
    upstream: tuple[str, ...]
    as_of: date
    code_version: str
    parameters: Mapping[str, Any]
    is_kept: bool = False


@dataclass(frozen=True)
class Deriver:
    """Derives tables for one Dagster run; `audit` judges what is about to be published."""

    catalog: CatalogResource
    log: Callable[[str], None]
    run_id: str
    audit: Audit = unaudited

    def derive(self, derivation: Derivation, write: Write) -> Literal["published", "unchanged"]:
        """Call `write`, unless the table is what it would become.

        `write` makes the table what it is to be in one commit that carries the properties it is
        given, and lands where it is told.

        Raises:
            TableMissing: an upstream table was never published.
            AuditFailed: the new rows break a blocking claim; the table is as it was.
            TableMoved: somebody else committed meanwhile, every time.
            JobFailed: `write` returned and the table does not carry the commit.
        """
        self.catalog.ensure_table(derivation.table)
        return again_if_moved(lambda: self._derive(derivation, write), self.log)

    def _derive(self, derivation: Derivation, write: Write) -> Literal["published", "unchanged"]:
        identifier = derivation.table.identifier
        properties = self._properties(derivation)
        if self._is_current(identifier, properties):
            return "unchanged"
        admit(
            self.catalog,
            identifier,
            properties[INPUTS],
            write=lambda branch: write(properties, branch),
            audit=lambda branch, snapshot: self._audit(derivation, properties, branch, snapshot),
            log=self.log,
        )
        if not self._is_current(identifier, properties):
            raise JobFailed(
                f"table {identifier}",
                found="a writer that reported success and a table without its commit",
                expected=f"a current snapshot with {INPUTS}={properties[INPUTS]}",
                next_move="look into the run's log, then materialize the asset again",
            )
        return "published"

    def _audit(
        self, derivation: Derivation, properties: Properties, branch: AuditBranch, snapshot: int
    ) -> None:
        self.audit(branch, snapshot)
        if derivation.is_kept:
            self._require_unmoved(origin_of(properties[MADE_FROM]))

    def _require_unmoved(self, origin: Origin) -> None:
        """Go on only while the inputs are what the commit says that they were.

        A job reads them as they are. What it read of a later state, the next one would take for
        what it was in this one, and leave it so.
        """
        for name, snapshot in origin.snapshots.items():
            now = self._snapshot(name)
            if now != snapshot:
                raise TableMoved(
                    f"table {name}",
                    found=f"snapshot {now}, committed while a table was made from it",
                    expected=f"snapshot {snapshot}, of which the table was to be made",
                    next_move="make it again, from what stands there now",
                )

    def _properties(self, derivation: Derivation) -> Properties:
        how = {
            "code": derivation.code_version,
            "columns": [[column.name, column.type] for column in derivation.table.columns],
            "parameters": dict(derivation.parameters),
        }
        origin = Origin(
            digest_of([json.dumps(how, sort_keys=True)]),
            {name: self._snapshot(name) for name in derivation.upstream},
        )
        return {
            INPUTS: digest_of([origin.text(), derivation.as_of.isoformat()]),
            MADE_FROM: origin.text(),
            AS_OF_DATE: derivation.as_of.isoformat(),
            CODE_VERSION: derivation.code_version,
            RUN_ID: self.run_id,
        }

    def _snapshot(self, identifier: str) -> int:
        snapshot = newest_snapshot(self.catalog, identifier).get("snapshot-id")
        if snapshot is None:
            raise TableMissing(
                f"table {identifier}",
                found="no snapshot, so no rows to derive anything from",
                expected="a table that has been published",
                next_move=f"materialize the asset {identifier.replace('.', '/')} first",
            )
        return int(snapshot)

    def _is_current(self, identifier: str, properties: Properties) -> bool:
        return newest_snapshot(self.catalog, identifier).get(INPUTS) == properties[INPUTS]


def replace_rows(
    catalog: CatalogResource,
    definition: Table,
    rows: pa.Table,
    properties: Properties,
    branch: AuditBranch | None = None,
) -> None:
    """Make `rows` the whole content of the table, in one commit, which lands where it is told."""
    from pyiceberg.expressions import AlwaysTrue

    table = branch_table(catalog, branch) if branch else catalog.table(definition.identifier)
    columns = [column.name for column in definition.columns]
    typed = rows.select(columns).cast(table.schema().as_arrow())
    if table.current_snapshot() is None:
        table.append(typed, snapshot_properties=dict(properties))
    else:
        table.overwrite(typed, AlwaysTrue(), snapshot_properties=dict(properties))
