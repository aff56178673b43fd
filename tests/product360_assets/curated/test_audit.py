"""A table's blocking claims are asked before readers see the rows, and once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
from counting import CountingWarehouse

from product360_assets.curated.audit import AUDITED
from product360_assets.curated.claims import Claim, key_is_unique
from product360_assets.curated.pending import Input
from product360_assets.curated.steps import publication_asset
from product360_assets.curated.table_checks import table_checks
from resources import audit_branches
from resources.local.ledger import SqliteLedgerResource
from resources.local.registry import SqliteRegistryResource
from resources.objects import LakeResource

NOTES = "curated.note"
NOBODY_SWEARS = Claim(
    "nobody_swears",
    "It would be read by children.",
    f"""
    SELECT count(*) FILTER (text = 'damn') = 0 AS holds, count(*) AS notes,
           count(*) FILTER (text = 'damn') AS curses
    FROM {NOTES}
    """,
)
ALL_ARE_THERE = Claim(
    "all_are_there",
    "A note that was written is read.",
    f"""
    SELECT (SELECT count(*) FROM {NOTES}) = count(*) AS holds, count(*) AS written
    FROM clean_desk_note
    """,
    clean=(Input("desk", "note"),),
)
NOTES_ARE_SHORT = Claim(
    "notes_are_short",
    "Nobody reads long ones.",
    f"SELECT max(length(text)) < 5 AS holds FROM {NOTES}",
    blocking=False,
)
CLAIMS = (NOBODY_SWEARS, ALL_ARE_THERE, NOTES_ARE_SHORT)


class Platform:
    """The notes as an asset with checks, in one instance."""

    def __init__(
        self, desk: Any, instance: dg.DagsterInstance, claims: Sequence[Claim] = CLAIMS
    ) -> None:
        self.desk, self.claims = desk, claims
        self.instance = instance
        self.warehouse = CountingWarehouse(catalog=desk.catalog)

    def run(self) -> dg.ExecuteInProcessResult:
        asset = publication_asset(
            self.desk.publication, claims=self.claims, parameters=lambda _: {"time_zone": "UTC"}
        )
        fixed = dg.ResourceDefinition.hardcoded_resource
        return dg.materialize(
            [asset, table_checks(self.desk.publication.table, self.claims)],
            instance=self.instance,
            raise_on_error=False,
            resources={
                "catalog": self.desk.catalog,
                "ledger": SqliteLedgerResource(path=str(self.desk.home / "ledger.db")),
                "registry": SqliteRegistryResource(path=str(self.desk.home / "registry.db")),
                "lake": LakeResource(uri=f"file://{self.desk.home}/lake"),
                "runner": fixed(self.desk.runner),
                "warehouse": fixed(self.warehouse),
            },
        )

    def asked(self, claim: Claim) -> int:
        """How often the whole claim was asked."""
        return self.warehouse.asked.count(claim.sql)

    def says(self, claim: Claim) -> tuple[str, str]:
        """The last result of the claim's check, and by which run."""
        key = dg.AssetCheckKey(dg.AssetKey(["curated", "note"]), claim.name)
        [found] = self.instance.event_log_storage.get_asset_check_summary_records([key]).values()
        last = found.last_check_execution_record
        assert last is not None
        return last.status.value, last.run_id


@pytest.fixture
def platform(desk: Any) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Platform(desk, instance)


def test_what_a_blocking_claim_refuses_is_never_read(desk: Any, platform: Platform) -> None:
    desk.deliver(1, "a")
    assert platform.run().success
    desk.deliver(2, "b", "damn")
    refused = platform.run()
    assert not refused.success
    assert (desk.notes(), desk.snapshots()) == (["a"], 1)
    assert platform.says(NOBODY_SWEARS) == ("FAILED", refused.run_id)
    assert platform.says(ALL_ARE_THERE) == ("SUCCEEDED", refused.run_id)


def test_the_run_says_what_was_refused_where_it_is_and_what_to_do(
    desk: Any, platform: Platform
) -> None:
    desk.deliver(1, "b", "damn")
    (failure,) = [event for event in platform.run().all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data
    assert said is not None
    text = str(said.description)
    (branch,) = audit_branches.waiting(desk.catalog, NOTES)
    assert f"branch {branch} of {NOTES}" in text
    assert "nobody_swears does not hold (notes 2, curses 1)" in text
    assert "stays pending" in text
    assert f"--unpublished {NOTES}" in text


def test_what_was_refused_can_be_looked_at_and_is_judged_again(
    desk: Any, platform: Platform
) -> None:
    batch = desk.deliver(1, "b", "damn")
    platform.run()
    snapshot = audit_branches.unpublished_snapshot(desk.catalog, NOTES)
    seen = platform.warehouse.query("SELECT text FROM note ORDER BY 1", at={NOTES: snapshot})
    assert seen.rows == (("b",), ("damn",))
    assert desk.states()[batch].details["state"] == "open"

    desk.deliver(1, "b", "darn", unit="unit-2")
    assert platform.run().success
    assert desk.notes() == ["b", "darn"]
    assert audit_branches.waiting(desk.catalog, NOTES) == {}
    assert desk.states()[batch].details["state"] == "committed"


def test_a_claim_that_held_in_the_audit_is_not_asked_again_and_counts_as_the_check(
    desk: Any, platform: Platform
) -> None:
    desk.deliver(1, "a", "b")
    made = platform.run()
    assert made.success
    assert [platform.asked(claim) for claim in CLAIMS] == [1, 1, 1]
    assert {platform.says(claim) for claim in CLAIMS} == {("SUCCEEDED", made.run_id)}
    assert platform.run().success
    assert [platform.asked(claim) for claim in CLAIMS] == [1, 1, 1]


def test_what_only_warns_keeps_nothing_back(desk: Any, platform: Platform) -> None:
    desk.deliver(1, "a very long note")
    assert platform.run().success
    assert desk.notes() == ["a very long note"]
    assert platform.says(NOTES_ARE_SHORT)[0] == "FAILED"


def test_every_blocking_check_of_a_published_table_is_asked_before_readers_see_it() -> None:
    from product360_assets.definitions import defs

    graph = defs().resolve_asset_graph()
    asked = {
        key: set(graph.get(key).metadata[AUDITED].split(", "))
        for key in graph.get_all_asset_keys()
        if AUDITED in graph.get(key).metadata
    }
    blocking: dict[dg.AssetKey, set[str]] = {key: set() for key in asked}
    for key in graph.asset_check_keys:
        if key.asset_key in asked and graph.get_check_spec(key).blocking:
            blocking[key.asset_key].add(key.name)
    assert asked == blocking
    assert {key.path[0] for key in asked} == {"curated", "forecast"}


@pytest.mark.parametrize("notes", [("a", "b"), ("a", "damn")])
def test_what_another_claim_shows_is_not_asked_unless_that_one_fails(
    desk: Any, notes: tuple[str, str]
) -> None:
    unique = key_is_unique(desk.publication.table)
    showing = replace(NOBODY_SWEARS, shows=(unique.name,))
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(desk, instance, (showing, ALL_ARE_THERE))
        desk.deliver(1, *notes)
        run = platform.run()
        assert platform.says(unique) == ("SUCCEEDED", run.run_id)
    assert run.success == ("damn" not in notes)
    assert platform.asked(unique) == int(not run.success)


def test_what_was_proved_by_what_changed_shows_nothing_more(desk: Any) -> None:
    unique = key_is_unique(desk.publication.table)
    showing = replace(NOBODY_SWEARS, shows=(unique.name,), each_row=True)
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(desk, instance, (showing, ALL_ARE_THERE))
        desk.deliver(1, "a")
        platform.run()
        before = len(platform.warehouse.asked)
        desk.deliver(2, "b")
        assert platform.run().success
        asked = platform.warehouse.asked[before:]
    assert (platform.asked(showing), platform.asked(unique)) == (1, 0)
    # That keys are unique is asked of what changed, which is cheap, and is not taken for shown.
    assert any(unique.changes in each for each in asked)
