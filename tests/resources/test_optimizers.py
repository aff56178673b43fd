"""Glue's table optimizers are on where Glue keeps the tables, and off where we do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from kept import Kept
from modelled import serving

from product360_assets.governance.upkeep import Step, Windows
from resources.errors import MaintenanceRefused
from resources.maintenance import MaintenanceResource

ROLE = "arn:aws:iam::123456789012:role/optimizers"
KINDS = ("compaction", "retention", "orphan_file_deletion")
KEYS = ("DatabaseName", "TableName", "Type")


@dataclass
class Glue:
    """The optimizers of each table, as Glue keeps them."""

    kept: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    refusal: str | None = None

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, Mapping[str, Any]]:
        if operation == "GetDatabase":
            return 200, {"Database": {"Name": asked["Name"], "CatalogId": "123456789012"}}
        assert asked["CatalogId"] == "123456789012"
        key = tuple(asked[name] for name in KEYS)
        if operation == "GetTableOptimizer":
            if key not in self.kept:
                return 400, {"__type": "EntityNotFoundException", "Message": "No optimizer."}
            said = {"type": asked["Type"], "configuration": self.kept[key]}
            return 200, {"TableOptimizer": said}
        if self.refusal or (operation == "CreateTableOptimizer") == (key in self.kept):
            return 400, {"__type": self.refusal or "ValidationException", "Message": "No."}
        self.kept[key] = asked["TableOptimizerConfiguration"]
        self.changed.append(f"{operation} {asked['Type']}")
        return 200, {}

    def of(self, kind: str) -> dict[str, Any]:
        return self.kept[("curated", "sale", kind)]


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Glue]:
    service = Glue()
    with serving("glue", service) as settings:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield service


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    kept = Kept.below(tmp_path)
    kept.commits(9)
    return kept


def switched(kept: Kept, keeper: str, **limits: Any) -> Kept:
    """The same tables, under the switch."""
    told = {"has_optimizers": True, "optimizer_role": ROLE, "kept_snapshots": 1, **limits}
    chosen = MaintenanceResource(keeper=keeper, **told)
    return replace(kept, keeper=replace(kept.keeper, limits=chosen))


def outcomes(steps: list[Step]) -> list[tuple[str, str]]:
    return [(step.action, step.outcome) for step in steps]


def test_the_switch_turns_on_all_three_once_and_nothing_is_kept_twice(
    kept: Kept, glue: Glue
) -> None:
    handed = switched(kept, "glue")
    assert len(handed.plan()) == 3
    assert glue.kept == {}
    assert outcomes(handed.keep()) == [
        ("compaction", "done"),
        ("snapshots", "done"),
        ("orphans", "done"),
    ]
    assert glue.changed == [f"CreateTableOptimizer {kind}" for kind in KINDS]
    assert {(glue.of(kind)["enabled"], glue.of(kind)["roleArn"]) for kind in KINDS} == {
        (True, ROLE)
    }
    assert handed.plan() == handed.keep() == []
    assert len(kept.files()) == 18


def test_windows_are_whole_days_and_never_shorter(kept: Kept, glue: Glue) -> None:
    switched(kept, "glue", longest_write_hours=30, longest_read_hours=200, kept_days=2).keep()
    retention = glue.of("retention")["retentionConfiguration"]["icebergConfiguration"]
    assert retention["snapshotRetentionPeriodInDays"] == 9
    assert retention["numberOfSnapshotsToRetain"] == 1
    orphans = glue.of("orphan_file_deletion")["orphanFileDeletionConfiguration"]
    assert orphans["icebergConfiguration"]["orphanFileRetentionPeriodInDays"] == 4


def test_other_settings_are_brought_in_line_and_what_glue_adds_is_left(
    kept: Kept, glue: Glue
) -> None:
    switched(kept, "glue").keep()
    retention = glue.of("retention")["retentionConfiguration"]["icebergConfiguration"]
    retention["runRateInHours"] = 24
    assert switched(kept, "glue").keep() == []
    steps = switched(kept, "glue", kept_days=30).keep()
    assert outcomes(steps) == [("snapshots", "done")]
    assert glue.changed[3:] == ["UpdateTableOptimizer retention"]


def test_the_switch_back_turns_off_before_we_keep_them_ourselves(kept: Kept, glue: Glue) -> None:
    switched(kept, "glue").keep()
    steps = switched(kept, "product360").keep()
    assert outcomes(steps) == [
        ("compaction", "done"),  # the optimizer
        ("compaction", "done"),  # and our own
        ("snapshots", "done"),
        ("orphans", "done"),
    ]
    assert [glue.of(kind)["enabled"] for kind in KINDS] == [False] * 3
    assert len(kept.files()) == 2
    assert switched(kept, "product360").keep() == []


def test_what_glue_refuses_is_told_and_what_is_not_configured_is_asked_for(
    kept: Kept, glue: Glue
) -> None:
    glue.refusal = "InvalidInputException"
    with pytest.raises(MaintenanceRefused, match="optimizer compaction of"):
        switched(kept, "glue").keep()
    with pytest.raises(MaintenanceRefused, match="PRODUCT360_OPTIMIZER_ROLE"):
        switched(kept, "glue", optimizer_role=None).plan()
    with pytest.raises(MaintenanceRefused, match="a window for this once"):
        switched(kept, "glue").keep("orphans", asked=Windows(orphans=timedelta(hours=99)))
