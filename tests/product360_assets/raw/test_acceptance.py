"""Acceptance gives one raw zone, whatever dies between which two of its steps."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from product360_assets.raw.keys import raw_keys
from product360_assets.raw.pending import pending_landing_dates
from resources.errors import ObjectMissing
from resources.ledger import Batch, LandedObject, Ledger
from resources.local.ledger import SqliteLedgerResource
from resources.objects import LakeResource, ObjectStore

MONDAY, TUESDAY = date(2017, 5, 1), date(2017, 5, 2)
BOTH_DAYS = [MONDAY, TUESDAY]
LONG_AGO = datetime(2017, 1, 1, tzinfo=UTC)


def acceptance(
    contract: SourceContract,
    ledger: Ledger,
    lake: LakeResource,
    reached: Callable[[str], None] = lambda _step: None,
) -> Acceptance:
    return Acceptance(
        contract, contract.table("order"), ledger, lake.zone("landing"), lake.zone("raw"), reached
    )


def outcome(ledger: Ledger, lake: LakeResource) -> object:
    """Everything that acceptance leaves behind, without the times of writing."""
    raw = lake.zone("raw")
    batches = ledger.batches("shop", "order")
    states = ledger.zone_states("shop", "order", "raw")
    return (
        {info.key: raw.read(info.key) for info in raw.list()},
        batches,
        [ledger.accepted_objects(batch.batch_id) for batch in batches],
        [replace(states[batch.batch_id], recorded_at=LONG_AGO) for batch in batches],
    )


def test_raw_holds_the_delivered_bytes_by_landing_date_and_batch(
    contract: SourceContract, ledger: Ledger, lake: LakeResource, raw: ObjectStore
) -> None:
    acceptance(contract, ledger, lake).accept(BOTH_DAYS)

    [monday, tuesday] = ledger.batches("shop", "order")
    assert {info.key: raw.read(info.key) for info in raw.list("shop/")} == {
        f"shop/order/landing_date=2017-05-01/batch={monday.batch_id}/till-1.csv": b"id\n1\n",
        f"shop/order/landing_date=2017-05-01/batch={monday.batch_id}/till-2.csv": b"id\n2\n",
        f"shop/order/landing_date=2017-05-02/batch={tuesday.batch_id}/till-1.csv": b"id\n3\n",
    }
    [accepted, _] = ledger.accepted_objects(monday.batch_id)
    assert accepted.sha256 == hashlib.sha256(b"id\n1\n").hexdigest()
    manifest = raw.read(f"_manifests/shop/order/{monday.batch_id}.json").decode()
    assert accepted.sha256 in manifest
    assert "shop/order/2017-05-01/till-2.csv" in manifest


def test_only_the_asked_days_are_accepted(
    contract: SourceContract, ledger: Ledger, lake: LakeResource
) -> None:
    accepting = acceptance(contract, ledger, lake)
    assert accepting.plan().landing_dates == {MONDAY, TUESDAY}

    accepting.accept([TUESDAY])

    assert [batch.landing_date for batch in ledger.batches("shop", "order")] == [TUESDAY]
    assert accepting.plan().landing_dates == {MONDAY}


def test_accepting_again_changes_nothing(
    contract: SourceContract, ledger: Ledger, lake: LakeResource
) -> None:
    acceptance(contract, ledger, lake).accept(BOTH_DAYS)
    before = outcome(ledger, lake)
    recorded = ledger.zone_states("shop", "order", "raw")

    again = acceptance(contract, ledger, lake).accept(BOTH_DAYS)

    assert again.copied == frozenset()
    assert outcome(ledger, lake) == before
    assert ledger.zone_states("shop", "order", "raw") == recorded


def test_what_comes_later_on_a_day_is_a_batch_of_its_own(
    contract: SourceContract, ledger: Ledger, lake: LakeResource
) -> None:
    acceptance(contract, ledger, lake).accept(BOTH_DAYS)
    lake.zone("landing").put("shop/order/2017-05-01/till-3.csv", b"id\n4\n")

    acceptance(contract, ledger, lake).accept(BOTH_DAYS)

    monday = ledger.batches("shop", "order", landing_dates=[MONDAY])
    assert sorted(len(batch.objects) for batch in monday) == [1, 2]


def test_another_content_under_an_accepted_key_is_held_back(
    contract: SourceContract, ledger: Ledger, lake: LakeResource
) -> None:
    acceptance(contract, ledger, lake).accept(BOTH_DAYS)
    before = outcome(ledger, lake)
    lake.zone("landing").delete("shop/order/2017-05-01/till-1.csv")
    lake.zone("landing").put("shop/order/2017-05-01/till-1.csv", b"id\n100\n")

    again = acceptance(contract, ledger, lake).accept(BOTH_DAYS)

    assert [each.landed.key for each in again.plan.rewritten] == [
        "shop/order/2017-05-01/till-1.csv"
    ]
    [found] = again.set_aside
    assert lake.zone("raw").read(found.kept_as) == b"id\n100\n"
    raw, *rest = outcome(ledger, lake)  # type: ignore[misc]
    assert {k: v for k, v in raw.items() if not k.startswith("_quarantine/")} == before[0]  # type: ignore[index]
    assert rest == list(before[1:])  # type: ignore[index]


class PoweredOff(BaseException):
    """The process ends here."""


def steps_of_one_acceptance(
    contract: SourceContract, ledger: Ledger, lake: LakeResource
) -> list[str]:
    steps: list[str] = []
    acceptance(contract, ledger, lake, steps.append).accept(BOTH_DAYS)
    return steps


# One plan; two batches, each opened, recorded, listed and finished; three objects copied.
STEPS = 12


def test_every_step_is_a_crash_point(
    contract: SourceContract, ledger: Ledger, lake: LakeResource
) -> None:
    steps = steps_of_one_acceptance(contract, ledger, lake)
    assert len(steps) == STEPS
    assert {step.split()[0] for step in steps} == {
        "planned", "opened", "copied", "recorded", "listed", "finished"
    }  # fmt: skip


@pytest.mark.parametrize("crash_at", range(STEPS))
def test_a_crash_at_any_step_leaves_the_same_raw_zone_after_the_next_run(
    contract: SourceContract, ledger: Ledger, lake: LakeResource, tmp_path: Path, crash_at: int
) -> None:
    count = 0

    def power_off(_step: str) -> None:
        nonlocal count
        count += 1
        if count > crash_at:
            raise PoweredOff

    with pytest.raises(PoweredOff):
        acceptance(contract, ledger, lake, power_off).accept(BOTH_DAYS)
    finished = len(ledger.zone_states("shop", "order", "raw"))
    assert bool(pending_landing_dates(contract, ledger=ledger, lake=lake)) or finished == 2

    acceptance(contract, ledger, lake).accept(BOTH_DAYS)

    undisturbed = SqliteLedgerResource(path=str(tmp_path / "other.db")).open()
    other = LakeResource(uri=f"file://{tmp_path}/other")
    # The same objects in another raw zone: batches are named by landing's versions.
    acceptance(
        contract, undisturbed, _LakeWithLandingOf(uri=other.uri, landing_uri=lake.uri)
    ).accept(BOTH_DAYS)
    assert outcome(ledger, lake) == outcome(undisturbed, other)


class _LakeWithLandingOf(LakeResource):
    """A lake that shares the landing zone of another one."""

    landing_uri: str

    def zone(self, name: str) -> ObjectStore:
        lake = LakeResource(uri=self.landing_uri if name == "landing" else self.uri)
        return lake.zone(name)  # type: ignore[arg-type]


KILLED = """
import os, signal, sys
from pathlib import Path
from product360_assets.core.contract import SourceContract
from product360_assets.raw.acceptance import Acceptance
from product360_assets.core.partitions import days_of
from resources.local.ledger import SqliteLedgerResource
from resources.objects import LakeResource

folder, document, step = sys.argv[1:]
contract = SourceContract.model_validate_json(document)
lake = LakeResource(uri=f"file://{folder}/lake")
ledger = SqliteLedgerResource(path=f"{folder}/ledger.db").open()

def kill(reached):
    if reached.startswith(step):
        os.kill(os.getpid(), signal.SIGKILL)

Acceptance(
    contract, contract.table("order"), ledger, lake.zone("landing"), lake.zone("raw"), kill
).accept(days_of(["2017-05-01", "2017-05-02"]))
"""


def test_a_killed_process_is_made_good_by_the_next(
    contract: SourceContract, ledger: Ledger, lake: LakeResource, tmp_path: Path
) -> None:
    for step in ("opened", "copied", "recorded", "listed"):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path), contract.model_dump_json(), step],
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()

    acceptance(contract, ledger, lake).accept(BOTH_DAYS)

    raw = lake.zone("raw")
    assert sorted(raw.read(info.key) for info in raw.list("shop/")) == [
        b"id\n1\n",
        b"id\n2\n",
        b"id\n3\n",
    ]
    assert len(ledger.batches("shop", "order")) == 2
    assert len(ledger.zone_states("shop", "order", "raw")) == 2


def test_a_copy_that_nobody_recorded_counts_although_landing_has_moved_on(
    contract: SourceContract, ledger: Ledger, lake: LakeResource
) -> None:
    def power_off(step: str) -> None:
        if step.startswith("recorded"):
            raise PoweredOff

    with pytest.raises(PoweredOff):
        acceptance(contract, ledger, lake, power_off).accept([TUESDAY])
    [batch] = ledger.batches("shop", "order")
    before = ledger.accepted_objects(batch.batch_id)
    lake.zone("landing").delete("shop/order/2017-05-02/till-1.csv")

    acceptance(contract, ledger, lake).accept([TUESDAY])

    assert ledger.accepted_objects(batch.batch_id) == before
    assert ledger.zone_state(batch.batch_id, "raw") is not None


def test_an_object_that_vanished_before_its_copy_is_an_error(
    contract: SourceContract, ledger: Ledger, lake: LakeResource
) -> None:
    def power_off(step: str) -> None:
        if step.startswith("opened"):
            raise PoweredOff

    with pytest.raises(PoweredOff):
        acceptance(contract, ledger, lake, power_off).accept([TUESDAY])
    lake.zone("landing").delete("shop/order/2017-05-02/till-1.csv")

    with pytest.raises(ObjectMissing, match=r"till-1\.csv"):
        acceptance(contract, ledger, lake).accept([TUESDAY])


def test_two_at_once_accept_once(
    contract: SourceContract, ledger: Ledger, lake: LakeResource
) -> None:
    def interfere(step: str) -> None:
        if step == "planned":
            acceptance(contract, ledger, lake).accept(BOTH_DAYS)

    acceptance(contract, ledger, lake, interfere).accept(BOTH_DAYS)

    assert len(ledger.batches("shop", "order")) == 2
    assert len(ledger.zone_states("shop", "order", "raw")) == 2


def test_a_plan_that_another_process_overtook_is_made_anew(
    contract: SourceContract, ledger: Ledger, lake: LakeResource
) -> None:
    overtaken = False

    def interfere(step: str) -> None:
        nonlocal overtaken
        if step == "planned" and not overtaken:
            overtaken = True
            lake.zone("landing").put("shop/order/2017-05-01/till-3.csv", b"id\n4\n")
            acceptance(contract, ledger, lake).accept([MONDAY])

    acceptance(contract, ledger, lake, interfere).accept(BOTH_DAYS)

    batches = ledger.batches("shop", "order")
    assert sorted(len(batch.objects) for batch in batches) == [1, 3]


def test_files_of_one_name_keep_the_folders_that_tell_them_apart() -> None:
    def landed(key: str) -> LandedObject:
        return LandedObject("landing", key, "v", 1)

    batch = Batch(
        "b", "web", "click", MONDAY, "stream", "0",
        (landed("web/click/2017/05/01/09/a.gz"), landed("web/click/2017/05/01/10/a.gz")),
    )  # fmt: skip

    assert raw_keys(batch) == [
        "web/click/landing_date=2017-05-01/batch=b/09/a.gz",
        "web/click/landing_date=2017-05-01/batch=b/10/a.gz",
    ]
