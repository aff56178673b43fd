"""What has changed since a derived table was made, for a job that brings it up to date.

A derived table's snapshot says which snapshots it was made from. While the same code would make it
now, all that can differ comes from the rows that its inputs have gained or lost since, and from the
day. So its job is told the files that hold these rows, and the day before.

The hazard is a table that is not what its snapshot says. What is trusted is the one state that the
commit to come is made from; a table that was rolled back to an older state was made from what that
state says. Where anything is not known any more (other code, other columns, an input's snapshot
that has expired), the table is made whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from product360_assets.curated.commits import AS_OF_DATE, MADE_FROM
from resources.audit_branches import AuditBranch
from resources.catalog import CatalogResource
from resources.changed_files import ChangedFiles, changed_files


@dataclass(frozen=True)
class Since:
    """The day as of which the table was made, and what changed since in each input."""

    as_of: date
    inputs: Mapping[str, ChangedFiles]

    def document(self) -> dict[str, Any]:
        """What a job is told of it."""
        return {
            "as_of_date": self.as_of.isoformat(),
            "inputs": {
                name: {"added": list(files.added), "removed": list(files.removed)}
                for name, files in self.inputs.items()
            },
        }


@dataclass(frozen=True)
class Origin:
    """What a derived table is made from: `how` stands for code, columns and parameters."""

    how: str
    snapshots: Mapping[str, int]

    def text(self) -> str:
        """The origin as a snapshot's property: `1f… curated.product@42 curated.sales_line@43`."""
        places = (f"{name}@{snapshot}" for name, snapshot in sorted(self.snapshots.items()))
        return " ".join([self.how, *places])


def origin_of(text: str) -> Origin:
    """The origin that a snapshot's property says."""
    how, *places = text.split(" ")
    pairs = (place.rpartition("@") for place in places)
    return Origin(how, {name: int(snapshot) for name, _, snapshot in pairs})


def since(
    catalog: CatalogResource, branch: AuditBranch, properties: Mapping[str, str]
) -> Since | str:
    """What has changed since the state that `branch` starts from, or why the table is made whole.

    Args:
        catalog: knows the table and its inputs.
        branch: where the commit to come lands.
        properties: of that commit.
    """
    said = _summary(catalog, branch)
    if MADE_FROM not in said:
        return "no snapshot of it says what it was made from"
    before, now = origin_of(said[MADE_FROM]), origin_of(properties[MADE_FROM])
    if before.how != now.how or before.snapshots.keys() != now.snapshots.keys():
        return "its code, columns or parameters were others"
    inputs: dict[str, ChangedFiles] = {}
    for name, snapshot in now.snapshots.items():
        files = changed_files(catalog, name, before.snapshots[name], snapshot)
        if files is None:
            return f"what changed in {name} cannot be told any more"
        inputs[name] = files
    return Since(date.fromisoformat(said[AS_OF_DATE]), inputs)


def _summary(catalog: CatalogResource, branch: AuditBranch) -> Mapping[str, str]:
    """What the snapshot says that the branch starts from; nothing where there is none."""
    if branch.base is None:
        return {}
    snapshot = catalog.table(branch.table).metadata.snapshot_by_id(branch.base)
    return snapshot.summary.ser_model() if snapshot and snapshot.summary else {}
