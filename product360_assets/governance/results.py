"""Where the results of earlier reconciliations are kept: one document for each table.

They lie in the results zone and are worth no more than the time it takes to compute them again: a
document that is lost, or that another version wrote, is a table that is reconciled anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress

from product360_assets.governance.differences import DayResult, day_result_of
from resources.errors import ObjectExists, ObjectMissing
from resources.objects import ObjectStore

FOLDER = "reconciliation"


def read_results(store: ObjectStore, table: str) -> dict[str, DayResult]:
    """The newest results of a table, by day."""
    if not (keys := [info.key for info in store.list(_folder(table))]):
        return {}
    try:
        document = json.loads(store.read(keys[-1]))
        return {each["day"]: day_result_of(each) for each in document["days"]}
    except (ObjectMissing, ValueError, LookupError, TypeError):
        return {}


def write_results(store: ObjectStore, table: str, results: Mapping[str, DayResult]) -> None:
    """Keep these results as the newest; what was there before is removed."""
    earlier = [info.key for info in store.list(_folder(table))]
    days = [results[day].document() for day in sorted(results)]
    document = json.dumps({"table": table, "days": days}, separators=(",", ":")).encode()
    number = 1 + int(earlier[-1].rpartition("/")[2].split("-")[0]) if earlier else 1
    key = f"{_folder(table)}{number:08d}-{hashlib.sha256(document).hexdigest()[:8]}.json"
    with suppress(ObjectExists):
        store.put(key, document)
    for old in earlier:
        store.delete(old)


def _folder(table: str) -> str:
    return f"{FOLDER}/{table.replace('.', '/')}/"
