"""How long what tables no longer need is kept, and what every commit of maintenance says of itself.

Maintenance changes how a table lies on disk and never what it holds. So its commits carry on what
the commit before them said (which batches, which inputs), under the name of the snapshot whose rows
they hold: whoever asks what a table was made from is answered as if there had been no maintenance,
also when that snapshot has expired since.

The hazard is time. A write that is under way has files that no snapshot names yet, and a reader has
files that no snapshot names any more. Neither can be seen, so both are given their longest time,
and no request may shorten it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from resources.errors import MaintenanceRefused

# What every property of ours in a snapshot's summary begins with.
OURS = "product360."
# On commits of maintenance: what was done, and the id of the snapshot whose rows these are.
MAINTENANCE = "product360.maintenance"
CONTENT_SNAPSHOT = "product360.content-snapshot"

Keeper = Literal["product360", "glue"]
# The newest format that each reader of the published tables understands.
NEWEST_FORMAT: Mapping[str, int] = {"athena": 2, "duckdb": 2, "spark": 3}


class MaintenanceResource(dg.ConfigurableResource[Any]):
    """What maintenance may do here.

    Attributes:
        keeper: who does it: these assets, or the optimizers of the Glue Data Catalog.
        consumers: who reads the tables, of `athena`, `duckdb` and `spark`.
        longest_write_hours: no write takes longer, from its first file to its commit.
        longest_read_hours: no reader holds a state of a table longer than that.
        kept_days: how long a state stays readable after the next one has come.
        kept_snapshots: how many of the newest snapshots stay, however old they are.
        has_optimizers: whether the catalog is Glue, so that whoever does not keep is turned off.
        optimizer_role: the ARN of the role that Glue's optimizers work under.
    """

    keeper: Keeper = "product360"
    consumers: list[str] = Field(default=["athena"])
    longest_write_hours: float = 24.0
    longest_read_hours: float = 24.0
    kept_days: float = 7.0
    kept_snapshots: int = 10
    has_optimizers: bool = False
    optimizer_role: str | None = None

    def orphan_window(self, asked: timedelta | None = None) -> timedelta:
        """How old a file must be that no snapshot names before it is removed.

        Raises:
            MaintenanceRefused: it was asked to be shorter than the longest write.
        """
        floor = timedelta(hours=self.longest_write_hours)
        return _at_least(floor, asked, 3 * floor, "orphans", "the longest write")

    def snapshot_window(self, asked: timedelta | None = None) -> timedelta:
        """How long a snapshot stays after the next one has come.

        Raises:
            MaintenanceRefused: it was asked to be shorter than the longest read.
        """
        floor = timedelta(hours=self.longest_read_hours)
        kept = max(floor, timedelta(days=self.kept_days))
        return _at_least(floor, asked, kept, "snapshots", "the longest read")

    def require_settings(self, *, own_windows: bool) -> None:
        """Glue's optimizers are set for good, and need a role to work under.

        Raises:
            MaintenanceRefused: Glue keeps the tables, and was told no role or asked for once only.
        """
        if self.keeper != "glue":
            return
        if own_windows:
            raise MaintenanceRefused(
                "maintenance of the published tables",
                found="a window for this once, while Glue's optimizers keep the tables",
                expected="the windows that are configured",
                next_move="set PRODUCT360_SNAPSHOT_DAYS or PRODUCT360_LONGEST_WRITE_HOURS instead",
            )
        if self.optimizer_role is None:
            raise MaintenanceRefused(
                "maintenance of the published tables",
                found="PRODUCT360_MAINTENANCE=glue, and no role for Glue's optimizers",
                expected="the ARN of a role that Glue may assume and that reaches the tables",
                next_move="set PRODUCT360_OPTIMIZER_ROLE",
            )

    def require_readable(self, identifier: str, format_version: int) -> None:
        """A table in a format that one of its readers does not know is lost to that reader.

        Raises:
            MaintenanceRefused: some consumer cannot read this format version.
        """
        lost = [name for name in self.consumers if NEWEST_FORMAT.get(name, 2) < format_version]
        if lost:
            raise MaintenanceRefused(
                f"table {identifier}",
                found=f"Iceberg format version {format_version}, which {' and '.join(lost)} cannot "
                "read",
                expected=f"at most version {min(NEWEST_FORMAT.get(name, 2) for name in lost)}",
                next_move="publish the table again in version 2, or take the reader out of "
                "PRODUCT360_CONSUMERS",
            )


def content_snapshot(summary: Mapping[str, str]) -> str:
    """The id of the snapshot that brought the rows which this one holds: most often its own."""
    return summary.get(CONTENT_SNAPSHOT) or summary["snapshot-id"]


def is_silent(summary: Mapping[str, str]) -> bool:
    """Whether others rearranged the rows (`replace`), and said nothing of where they are from."""
    return summary.get("operation") == "replace" and CONTENT_SNAPSHOT not in summary


def _at_least(
    floor: timedelta, asked: timedelta | None, usual: timedelta, what: str, why: str
) -> timedelta:
    if asked is None:
        return usual
    if asked < floor:
        raise MaintenanceRefused(
            f"removing {what}",
            found=f"a window of {_hours(asked)}",
            expected=f"at least {_hours(floor)}: {why} takes that long, and what it uses cannot be "
            "told from what is left over",
            next_move="ask for a longer window; shorten the limit itself only if it is wrong",
        )
    return asked


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g} h"
