"""The audit of what is about to be published: the table's blocking claims, asked of its branch.

Each result is said to Dagster as the result of the table's check, in the run that publishes. One
that held stands for the published table too, whose snapshot is the audited one: the checks that
follow find it proved (`proofs`) and ask nothing again.

The hazard is a claim about another table that is made from this one: that one is still as it was,
and would keep this one from ever being published. A claim that waits for something downstream must
not block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from product360_assets.curated.claims import Claim, all_claims
from product360_assets.curated.proofs import OF_PROOF, CheckLog
from product360_assets.curated.prover import Prover
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
    """Audits commits to one table; `checks` is given the result of every claim."""

    table: Table
    claims: Sequence[Claim]
    ledger: Ledger
    catalog: CatalogResource
    warehouse: WarehouseResource
    lake: LakeResource
    checks: CheckLog

    def __call__(self, branch: AuditBranch, snapshot: int) -> None:
        """Ask every blocking claim of the snapshot.

        Raises:
            AuditFailed: one of them does not hold; the others were asked too.
        """
        refused = []
        with self.warehouse.asking(at={self.table.identifier: snapshot}) as ask:
            prover = Prover(
                self.table,
                self.ledger,
                self.catalog,
                ask,
                self.lake,
                self.checks.last,
                snapshot=snapshot,
                commit=branch.commit,
            )
            for result in prover.prove_all(blocking_claims(self.table, self.claims)):
                self.checks.say(result)
                if not result.passed:
                    refused.append(result)
        if refused:
            raise _refusal(branch, refused)


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


def _numbers(each: dg.AssetCheckResult) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value.value}"
        for name, value in each.metadata.items()
        if name not in OF_PROOF
    )
