"""The audit of raw: once a week every accepted object is listed, measured and hashed again.

Accepting proves what it touches; it never looks back. A disk that rots or a person who deletes does
not wait for the next delivery of that day, so all of raw is proved again. The hazard is the cost:
an audit reads every byte, and must never ride along with the runs that accept.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

from collections.abc import Iterator

import dagster as dg

from product360_assets.core.checks import EVERYTHING_ACCEPTED_IS_THERE, advisory_check, claim
from product360_assets.core.contract import SourceContract
from product360_assets.core.failures import explained_failures
from product360_assets.core.keys import raw_key
from product360_assets.raw.integrity import alterations
from resources.ledger import LedgerResource
from resources.objects import LakeResource

_EXAMPLES = 20


def raw_audit(contract: SourceContract) -> dg.AssetChecksDefinition:
    """One check for each of a system's tables, over all of its batches."""
    tables = {raw_key(contract.name, table.name): table for table in contract.tables}

    @dg.multi_asset_check(
        name=f"audit_{contract.name}",
        specs=[
            # It stops nothing: what came later is as good as it was.
            advisory_check(
                EVERYTHING_ACCEPTED_IS_THERE,
                key,
                "Every object that was ever accepted is in raw with the size and the SHA-256 that "
                "it had then, and nothing else is. Hashes all of raw again, so it is asked weekly.",
            )
            for key in tables
        ],
        can_subset=True,
        description=f"Hashes everything again that was ever accepted of {contract.name}.",
    )
    def audit(
        context: dg.AssetCheckExecutionContext, ledger: LedgerResource, lake: LakeResource
    ) -> Iterator[dg.AssetCheckResult]:
        opened, raw = ledger.open(), lake.zone("raw")
        for check in sorted(context.selected_asset_check_keys):
            table = tables[check.asset_key]
            with explained_failures():
                batches = opened.batches(contract.name, table.name)
                altered = alterations(batches, ledger=opened, raw=raw)
            objects = [landed for batch in batches for landed in batch.objects]
            yield claim(
                check.name,
                check.asset_key,
                holds=not altered,
                counted={
                    "objects": len(objects),
                    "bytes": sum(landed.size for landed in objects),
                    "altered": list(altered[:_EXAMPLES]),
                },
            )

    return audit
