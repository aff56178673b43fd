"""The audit of what is about to be published: the table's blocking claims, asked of its branch.

Each result is said to Dagster as the result of the table's check, in the run that publishes. One
that held stands for the published table too, whose snapshot is the audited one: the checks that
follow find it proved (`proofs`) and ask nothing again.

The hazard is a claim about another table that is made from this one: that one is still as it was,
and would keep this one from ever being published. A claim that waits for something downstream must
not block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

import dagster as dg

from product360_assets.curated.claims import (
    Claim,
    all_claims,
    claimed_files,
    clean_batches,
    judged,
)
from product360_assets.curated.proofs import Evidence, proved
from resources.audit_branches import AuditBranch
from resources.catalog import CatalogResource
from resources.errors import AuditFailed
from resources.ledger import Ledger
from resources.objects import LakeResource
from resources.warehouse import WarehouseResource
from spark.tables import Table

# What an asset says of itself: the checks that its table passes before readers see it.
AUDITED = "audited for"


def blocking_claims(table: Table, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Those of the claims about a table that keep it from being published."""
    return tuple(each for each in all_claims(table, claims) if each.blocking)


def audited(spec: dg.AssetSpec, table: Table, claims: Sequence[Claim]) -> dg.AssetSpec:
    """The asset, which says by which claims its table is audited."""
    names = ", ".join(sorted(each.name for each in blocking_claims(table, claims)))
    return spec.merge_attributes(metadata={AUDITED: names})


@dataclass(frozen=True)
class TableAudit:
    """Audits commits to one table; `say` is given the result of every claim."""

    table: Table
    claims: Sequence[Claim]
    ledger: Ledger
    catalog: CatalogResource
    warehouse: WarehouseResource
    lake: LakeResource
    say: Callable[[dg.AssetCheckResult], None]

    def __call__(self, branch: AuditBranch, snapshot: int) -> None:
        """Ask every blocking claim of the snapshot.

        Raises:
            AuditFailed: one of them does not hold; the others were asked too.
        """
        at = {self.table.identifier: snapshot}
        evidence, now = Evidence(self.catalog, at), datetime.now(UTC)
        refused = []
        for claimed in blocking_claims(self.table, self.claims):
            batches = clean_batches(self.ledger, self.table, claimed.clean, branch.commit)
            files = claimed_files(self.table, self.lake, batches)
            answer = self.warehouse.query(claimed.sql, files=files, at=at)
            result = judged(self.table, claimed, answer)
            proof = evidence.of(claimed.sql, chain(*batches.values()))
            self.say(proved(result, proof, now=now))
            if not result.passed:
                refused.append(result)
        if refused:
            raise _refusal(branch, refused)


def said_to(context: dg.AssetExecutionContext) -> Callable[[dg.AssetCheckResult], None]:
    """Says results as those of the table's checks, in the run of the context."""

    def say(result: dg.AssetCheckResult) -> None:
        assert result.asset_key is not None
        assert result.check_name is not None
        context.log_event(
            dg.AssetCheckEvaluation(
                asset_key=result.asset_key,
                check_name=result.check_name,
                passed=result.passed,
                metadata=result.metadata,
                severity=result.severity,
                blocking=True,
            )
        )

    return say


def _refusal(branch: AuditBranch, refused: Sequence[dg.AssetCheckResult]) -> AuditFailed:
    shown = "; ".join(f"{each.check_name} does not hold ({_numbers(each)})" for each in refused)
    return AuditFailed(
        f"branch {branch.name} of {branch.table}",
        found=shown,
        expected="every blocking check to hold before anybody reads the rows; readers see the "
        "table as it was, and what was to be taken in stays pending",
        next_move="look at the rows with `product360 query SQL --unpublished "
        f"{branch.table}`, correct their source, and materialize the asset again",
    )


def _numbers(result: dg.AssetCheckResult) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value.value}" for name, value in result.metadata.items()
    )
