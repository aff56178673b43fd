"""Tags: one name for what every published table held at one time.

The hazard is a tag that moves: what was told of a release would change. So a tag that any table has
already is refused before any table is tagged.
"""

from __future__ import annotations

from collections.abc import Callable

from product360_assets.governance.under_way import lock_of
from resources.catalog import CatalogResource
from resources.errors import LedgerConflict
from resources.ledger import Ledger
from resources.locks import holding

TAGGED_COLUMNS = ("table", "snapshot", "rows")


def tag_tables(
    catalog: CatalogResource, ledger: Ledger, name: str, log: Callable[[str], None]
) -> list[tuple[object, ...]]:
    """Give the current state of every table that name; returns rows under `TAGGED_COLUMNS`.

    Raises:
        LedgerConflict: some table has a tag or branch of that name already.
    """
    tables = [each for each in catalog.identifiers() if catalog.table(each).current_snapshot()]
    for identifier in tables:
        if name in catalog.table(identifier).metadata.refs:
            raise LedgerConflict(
                f"tag {name}",
                found=f"it on {identifier} already",
                expected="a new name: a tag is never moved",
                next_move="choose another name",
            )
    tagged: list[tuple[object, ...]] = []
    for identifier in tables:
        with holding(ledger, lock_of(identifier), work=f"tag {name}", log=log):
            table = catalog.table(identifier)
            current = table.current_snapshot()
            assert current is not None
            table.manage_snapshots().create_tag(current.snapshot_id, name).commit()
            tagged.append((identifier, str(current.snapshot_id), table.scan().count()))
    return tagged
