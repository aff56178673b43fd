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
    RUN_ID,
    digest_of,
    newest_snapshot,
)
from product360_assets.curated.gate import Audit, admit, again_if_moved, unaudited
from resources.audit_branches import AuditBranch
from resources.audit_commits import branch_table
from resources.catalog import CatalogResource
from resources.errors import JobFailed, TableMissing
from spark.tables import Table

if TYPE_CHECKING:
    from datetime import date

    import pyarrow as pa

Properties = Mapping[str, str]
Write = Callable[[Properties, AuditBranch], None]


@dataclass(frozen=True)
class Derivation:
    """A table that is made as a whole.

    Attributes:
        upstream: identifiers of the published tables that it reads.
        as_of: last business day that it may know of.
        code_version: of whatever computes it.
        parameters: what else its content depends on; JSON.
    """

    table: Table
    upstream: tuple[str, ...]
    as_of: date
    code_version: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Deriver:
    """Derives tables for one Dagster run; `audit` judges what is about to be published."""

    catalog: CatalogResource
    log: Callable[[str], None]
    run_id: str
    audit: Audit = unaudited

    def derive(self, derivation: Derivation, write: Write) -> Literal["published", "unchanged"]:
        """Call `write`, unless the table is what it would become.

        `write` replaces the whole table in one commit that carries the properties it is given, and
        lands where it is told.

        Raises:
            TableMissing: an upstream table was never published.
            AuditFailed: the new rows break a blocking claim; the table is as it was.
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
            audit=self.audit,
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

    def _properties(self, derivation: Derivation) -> Properties:
        document = {
            "upstream": {name: self._snapshot(name) for name in derivation.upstream},
            "as_of": derivation.as_of.isoformat(),
            "code": derivation.code_version,
            "columns": [[column.name, column.type] for column in derivation.table.columns],
            "parameters": dict(derivation.parameters),
        }
        return {
            INPUTS: digest_of([json.dumps(document, sort_keys=True)]),
            AS_OF_DATE: derivation.as_of.isoformat(),
            CODE_VERSION: derivation.code_version,
            RUN_ID: self.run_id,
        }

    def _snapshot(self, identifier: str) -> str:
        snapshot = newest_snapshot(self.catalog, identifier).get("snapshot-id")
        if snapshot is None:
            raise TableMissing(
                f"table {identifier}",
                found="no snapshot, so no rows to derive anything from",
                expected="a table that has been published",
                next_move=f"materialize the asset {identifier.replace('.', '/')} first",
            )
        return snapshot

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
