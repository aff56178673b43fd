"""A person corrects rejected rows; they come back in their old place, once, and accounted for."""

from __future__ import annotations

import hmac
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from product360_assets.clean.cells import CellReader, shown
from product360_assets.clean.corrections import Releasing
from product360_assets.clean.fixes import Fix
from product360_assets.clean.quarantine import Held, Rejected, held_rows, rejected_rows
from product360_assets.clean.replays import Replay
from product360_assets.clean.work import Cleaned, Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.ingestion.corrections import Release
from product360_assets.raw.acceptance import Acceptance
from resources.errors import CorrectionRefused, LedgerConflict, ObjectExists, SecretMissing
from resources.jobs import JobRunner
from resources.ledger import Ledger, ZoneState
from resources.local.runner import LocalJobRunner
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource, ObjectStore
from resources.secrets import SecretsResource
from resources.treatment_keys import key_of, rotate_key

MONDAY, TUESDAY = date(2017, 5, 1), date(2017, 5, 2)
NOON = datetime(2017, 5, 20, 12, tzinfo=UTC)
ROWS = "order_id,Member,total\n1,ann,1.10\n2,bob,2.20x\n3,ann,-3.00\n"


class Shop:
    """The shop's table with everything that happens to it, in the order of a day."""

    def __init__(
        self,
        contract: Callable[..., SourceContract],
        lake: LakeResource,
        ledger: Ledger,
        runner: JobRunner,
        secrets: SecretsResource,
    ) -> None:
        self.make_contract = contract
        self.contract = contract()
        self.lake, self.ledger, self.runner, self.secrets = lake, ledger, runner, secrets

    @property
    def table(self) -> Any:
        return self.contract.table("order")

    def deliver(self, key: str, text: str) -> None:
        self.lake.zone("landing").put(f"shop/order/{key}", text.encode())

    def accept(self) -> None:
        Acceptance(
            self.contract,
            self.table,
            self.ledger,
            self.lake.zone("landing"),
            self.lake.zone("raw"),
        ).accept([MONDAY, TUESDAY])

    def clean(self, replay: Replay | None = None) -> Cleaned:
        self.accept()
        cleaned = Cleaning(
            self.contract,
            self.table,
            self.ledger,
            self.lake,
            self.runner,
            lambda _: None,
            secrets=self.secrets,
            replay=replay,
        ).clean([MONDAY, TUESDAY])
        assert cleaned.unaccounted == {}
        return cleaned

    def rejected(self) -> list[Rejected]:
        states = self.ledger.zone_states("shop", "order", "clean")
        return [
            row
            for batch in self.ledger.batches("shop", "order")
            for row in rejected_rows(batch, states[batch.batch_id], self.lake.zone("clean"))
        ]

    def held(self) -> list[Held]:
        return list(held_rows(self.ledger, self.lake, "shop", "order"))

    def waiting(self) -> int:
        return sum(held.waiting for held in self.held())

    def row(self, order: str) -> tuple[Rejected, dict[str, str]]:
        """The rejected row of an order that was not released, and its cells as they are shown."""
        reader = CellReader(self.contract, self.table, self.lake.zone("raw"))
        for row in self.rejected():
            cells = reader.cells(row)
            if cells and cells.get("order_id") == order:
                columns = reader.columns([cells])
                return row, dict(zip(columns, shown(cells, columns), strict=True))
        raise AssertionError(order)

    def fix(self, order: str, **changes: str) -> Fix:
        row, cells = self.row(order)
        return Fix(row.batch.batch_id, row.row_id, {**cells, **changes})

    def fix_of(self, rule: str, **changes: str) -> Fix:
        """A correction of the row that this rule rejected, with its other cells as they are shown.

        Of a row with treated columns nobody sees which order it is.
        """
        [row] = [row for row in self.rejected() if row.rule == rule]
        reader = CellReader(self.contract, self.table, self.lake.zone("raw"))
        cells = reader.cells(row)
        columns = reader.columns([cells])
        shown_cells = dict(zip(columns, shown(cells, columns), strict=True))
        return Fix(row.batch.batch_id, row.row_id, {**shown_cells, **changes})

    def treat(self, treatment: str, **changes: Any) -> None:
        """From now on the contract has the member treated, or kept."""
        columns = [each.model_dump() for each in self.table.columns]
        columns[1]["treatment"] = treatment
        self.contract = self.make_contract(columns=columns, **changes)

    def sightings(self, text: str) -> set[str]:
        """The zones in which a text is found."""
        import pyarrow.parquet as pq

        found = set()
        for zone in ("landing", "raw", "clean"):
            for info in self.lake.zone(zone).list(""):
                content = self.lake.zone(zone).read(info.key)
                if info.key.endswith(".parquet"):
                    content = str(pq.ParquetFile(io.BytesIO(content)).read().to_pylist()).encode()
                if text.encode() in content:
                    found.add(zone)
        return found

    def release(self, fixes: Iterable[Fix], *, by: str = "ann") -> list[Release]:
        return Releasing(
            {"shop": self.contract},
            self.ledger,
            self.lake,
            self.secrets,
            by=by,
            at=NOON,
            why="A slip.",
        ).release(fixes)

    def states(self) -> Mapping[str, ZoneState]:
        return self.ledger.zone_states("shop", "order", "clean")

    def values(self, *names: str) -> list[tuple[Any, ...]]:
        import pyarrow.parquet as pq

        clean = self.lake.zone("clean")
        found = []
        for state in self.states().values():
            prefix = state.location.removeprefix(f"{clean.uri}/")
            for info in clean.list(f"{prefix}/"):
                rows = pq.ParquetFile(f"{clean.uri.removeprefix('file://')}/{info.key}").read()
                found += [tuple(row[name] for name in names) for row in rows.to_pylist()]
        return sorted(found, key=str)


@pytest.fixture
def order(
    shop: Callable[..., SourceContract],
    lake: LakeResource,
    ledger: Ledger,
    runner: JobRunner,
    tmp_path: Path,
) -> Shop:
    """Three orders of Monday: one is right, one has no number, one is negative."""
    secrets = LocalSecrets(path=str(tmp_path / "secrets.json"))
    made = Shop(shop, lake, ledger, runner, secrets)
    made.deliver("2017-05-01/a.csv", ROWS)
    made.clean()
    return made


def test_a_corrected_row_is_published_with_the_lineage_of_the_rejected_one(order: Shop) -> None:
    [original] = order.ledger.batches("shop", "order")

    [release] = order.release([order.fix("2", total="2.20")])
    order.clean()

    assert (release.rows, release.by, release.why) == (1, "ann", "A slip.")
    [_, (_, member, batch, day, file, correction)] = order.values(
        "order_id", "member", "_batch_id", "_landing_date", "_source_file", "_correction_id"
    )
    assert (member, batch, day) == ("bob", original.batch_id, MONDAY)
    assert order.lake.zone("raw").read(file).decode() == ROWS
    accepted = order.ledger.batch(correction)
    assert accepted is not None
    assert (accepted.kind, accepted.landing_date) == ("correction", MONDAY)


def test_accounts_stay_exact(order: Shop) -> None:
    order.release([order.fix("2", total="2.20"), order.fix("3", total="-1")])
    order.clean()

    accounts = sorted(
        (state.rows_in, state.rows_out, state.rows_quarantined) for state in order.states().values()
    )
    assert accounts == [(2, 1, 1), (3, 1, 2)]
    held = sorted((held.rule, held.rows, held.released, held.waiting) for held in order.held())
    assert held == [
        ("total_is_positive", 1, 0, 1),
        ("total_is_positive", 1, 1, 0),
        ("type", 1, 1, 0),
    ]


def test_the_correction_is_an_object_of_its_own_hashed_in_raw_and_signed(order: Shop) -> None:
    order.release([order.fix("2", total="2.20")])
    order.clean()

    [correction] = [b for b in order.ledger.batches("shop", "order") if b.kind == "correction"]
    [accepted] = order.ledger.accepted_objects(correction.batch_id)
    text = order.lake.zone("raw").read(accepted.raw_key).decode()
    assert '"_released_by": "ann"' in text
    assert '"_released_why": "A slip."' in text
    assert '"_released_at": "2017-05-20T12:00:00+00:00"' in text
    with pytest.raises(ObjectExists):
        order.lake.zone("raw").put(accepted.raw_key, b"other")


def test_a_row_that_is_bad_again_can_be_corrected_again(order: Shop) -> None:
    order.release([order.fix("2", total="2,20")])
    order.clean()
    [again] = [row for row in order.rejected() if row.lineage["_correction_id"]]
    assert again.reason == 'expected decimal(12,2), found "2,20"'

    cells = {"order_id": "2", "Member": "bob", "total": "2.20"}
    order.release([Fix(again.batch.batch_id, again.row_id, cells)])
    order.clean()

    assert len(order.values("order_id")) == 2
    assert {batch for (batch,) in order.values("_batch_id")} <= {
        batch.batch_id for batch in order.ledger.batches("shop", "order") if batch.kind == "file"
    }
    assert order.waiting() == 1


def test_rows_that_nobody_touched_stay_where_they_are(order: Shop) -> None:
    assert order.release([order.fix("2"), order.fix("3")]) == []
    assert order.waiting() == 2


def test_cells_that_nobody_touched_are_taken_from_quarantine(order: Shop) -> None:
    fix = order.fix("2", total="2.20")
    order.release([replace(fix, cells={"total": "2.20"})])
    order.clean()
    assert order.values("order_id", "member")[-1] == (2, "bob")


def test_the_same_file_given_again_releases_nothing_more(order: Shop) -> None:
    fix = order.fix("2", total="2.20")
    order.release([fix])
    assert order.release([fix]) == []
    order.clean()
    assert order.release([fix]) == []
    order.clean()
    assert len(order.values("order_id")) == 2


def test_a_row_that_stands_twice_in_a_file_is_not_released_twice(order: Shop) -> None:
    fix = order.fix("2", total="2.20")
    with pytest.raises(CorrectionRefused, match="two corrections of it at once"):
        order.release([fix, replace(fix, cells={**fix.cells, "total": "22.00"})])
    assert list(order.lake.zone("landing").list("shop/_corrections/")) == []


def test_a_released_row_is_not_released_with_other_values(order: Shop) -> None:
    fix = order.fix("2", total="2.20")
    order.release([fix], by="bob")
    with pytest.raises(CorrectionRefused, match="released by bob on 2017-05-20"):
        order.release([replace(fix, cells={**fix.cells, "total": "22.00"})])


def test_of_two_people_at_once_one_is_told(order: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, hers = order.fix("2", total="2.20"), order.fix("3", total="3.00")
    put = ObjectStore.put

    def overtaken(store: ObjectStore, key: str, data: bytes) -> Any:
        monkeypatch.setattr(ObjectStore, "put", put)
        order.release([hers])
        return put(store, key, data)

    monkeypatch.setattr(ObjectStore, "put", overtaken)
    with pytest.raises(LedgerConflict):
        order.release([mine])

    order.clean()
    assert order.values("order_id") == [(1,), (3,)]
    order.release([mine])
    order.clean()
    assert order.values("order_id") == [(1,), (2,), (3,)]


def test_an_object_that_nobody_recorded_is_no_delivery(
    order: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerOff(BaseException):
        pass

    def power_off(*_args: object, **_kwargs: object) -> None:
        raise PowerOff

    fix = order.fix("2", total="2.20")
    with monkeypatch.context() as dying:
        dying.setattr(type(order.ledger), "record_zone", power_off)
        with pytest.raises(PowerOff):
            order.release([fix])
    assert len(list(order.lake.zone("landing").list("shop/_corrections/"))) == 1
    order.clean()
    assert len(order.values("order_id")) == 1

    order.release([fix], by="bob")
    order.clean()
    assert len(order.values("order_id")) == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"row_id": "0123456789abcdef-1"}, "no such row among its rejected ones"),
        ({"batch_id": "2017-05-01-none"}, "no batch of this id"),
        ({"cells": {"Total": "2.20"}}, "a column 'Total'"),
    ],
)
def test_what_fits_no_row_is_refused(order: Shop, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CorrectionRefused, match=said):
        order.release([replace(order.fix("2", total="2.20"), **changes)])


def test_a_file_that_could_not_be_read_is_delivered_again_and_not_corrected(order: Shop) -> None:
    order.deliver("2017-05-02/b.csv", "a,b\n1,2\n")
    order.clean()
    [row] = [row for row in order.rejected() if row.rule == "file"]
    with pytest.raises(CorrectionRefused, match="a whole file that could not be read"):
        order.release([Fix(row.batch.batch_id, row.row_id, {"order_id": "1"})])


def test_a_record_that_could_not_be_taken_apart_is_written_anew(order: Shop) -> None:
    order.deliver("2017-05-02/b.csv", "order_id,Member,total\n4,dan,4.40,5\n")
    order.clean()
    [row] = [row for row in order.rejected() if row.rule == "structure"]
    assert CellReader(order.contract, order.table, order.lake.zone("raw")).cells(row) is None

    cells = {"order_id": "4", "Member": "dan", "total": "4.40"}
    order.release([Fix(row.batch.batch_id, row.row_id, cells)])
    order.clean()
    assert order.values("order_id", "_row_number")[-1] == (4, 2)


def test_a_rule_that_is_relaxed_lets_rows_flow_but_not_beside_their_correction(
    order: Shop,
) -> None:
    order.deliver("2017-05-01/b.csv", "order_id,Member,total\n5,eve,-5.00\n")
    order.clean()
    order.release([order.fix("3", total="3.00")])
    order.clean()

    order.contract = order.make_contract(rules=[])
    order.clean()

    assert [int(total) for _, total in order.values("order_id", "total")] == [1, 3, -5]
    assert {(held.rule, held.waiting) for held in order.held()} == {("released", 0), ("type", 1)}


def test_a_release_while_its_batch_is_made_again_is_not_overlooked(
    order: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix, run = order.fix("3", total="3.00"), LocalJobRunner.run

    def released_meanwhile(runner: LocalJobRunner, request: Any, *, log: Any) -> Any:
        report = run(runner, request, log=log)
        order.release([fix])
        return report

    order.contract = order.make_contract(rules=[])
    with monkeypatch.context() as busy:
        busy.setattr(LocalJobRunner, "run", released_meanwhile)
        with pytest.raises(AssertionError, match="released in the meantime"):
            order.clean()
    order.clean()

    assert [int(total) for _, total in order.values("order_id", "total")] == [1, 3]


def test_a_replay_makes_the_days_again_beside_what_stands_and_changes_no_row(order: Shop) -> None:
    order.release([order.fix("2", total="2.20")])
    order.clean()
    rows, before = order.values("order_id", "total", "_batch_id"), order.states()

    replay = Replay("2017-05-01..2017-05-01@x", MONDAY, MONDAY)
    replayed = order.clean(replay)

    assert all(batch.made for batch in replayed.batches)
    after = order.states()
    assert {name: state.unit for name, state in before.items()}.items().isdisjoint(
        {name: state.unit for name, state in after.items()}.items()
    )
    assert order.values("order_id", "total", "_batch_id") == rows
    # What readers of the earlier units hold stays readable, and the same replay is done once.
    assert all(list(_files(order, state)) for state in before.values())
    assert not any(batch.made for batch in order.clean(replay).batches)


def test_a_replay_leaves_other_days_alone(order: Shop) -> None:
    order.deliver("2017-05-02/b.csv", "order_id,Member,total\n4,dan,4.40\n")
    order.clean()
    replayed = order.clean(Replay("2017-05-02..2017-05-02", TUESDAY, TUESDAY))
    assert {b.raw.batch.landing_date: b.made for b in replayed.batches} == {
        MONDAY: False,
        TUESDAY: True,
    }


@pytest.fixture
def guarded(order: Shop) -> Shop:
    """The same orders and others of Tuesday, whose members nobody may read."""
    order.treat("hash")
    order.deliver("2017-05-02/b.csv", 'order_id,Member,total\n8,"dan ""x""",8.80x\n9,eve,9.90\n')
    order.clean()
    return order


def hashed(order: Shop, member: str) -> str:
    key = hmac.digest(key_of(order.secrets, "1"), b"product360\0hash\0shop.order.member", "sha256")
    return f"h1-{hmac.digest(key, member.encode(), 'sha256').hex()}"


def test_what_nobody_touched_of_a_treated_record_is_taken_from_raw_and_stays_there(
    guarded: Shop,
) -> None:
    [monday, tuesday] = [row for row in guarded.rejected() if row.rule == "type"]
    fixes = [Fix(row.batch.batch_id, row.row_id, {"total": "2.20"}) for row in (monday, tuesday)]

    first, second = guarded.release(fixes)
    guarded.clean()

    assert guarded.values("order_id", "member", "_batch_id", "_source_file")[1:3] == [
        (2, hashed(guarded, "bob"), monday.batch.batch_id, monday.lineage["_source_file"]),
        (8, hashed(guarded, 'dan "x"'), tuesday.batch.batch_id, tuesday.lineage["_source_file"]),
    ]
    landing = guarded.lake.zone("landing")
    assert '"Member": "bob"' in landing.read(first.key).decode()
    assert '"Member": "dan \\"x\\""' in landing.read(second.key).decode()
    assert guarded.sightings("dan") == guarded.sightings("eve") == {"landing", "raw"}
    assert {(held.rule, held.waiting) for held in guarded.held()} == {
        ("type", 0),
        ("total_is_positive", 1),
    }


def test_a_record_is_completed_with_columns_that_clean_does_not_even_have(order: Shop) -> None:
    order.treat("drop")
    order.clean()

    [release] = order.release([order.fix_of("type", total="2.20")])
    order.clean()

    assert '"Member": "bob"' in order.lake.zone("landing").read(release.key).decode()
    assert order.values("order_id") == [(1,), (2,)]


def test_a_treated_row_that_is_bad_again_can_be_corrected_again(guarded: Shop) -> None:
    guarded.release([guarded.fix("3", total="-1", Member="eva")])
    guarded.clean()
    [again] = [row for row in guarded.rejected() if row.lineage["_correction_id"]]

    guarded.release([Fix(again.batch.batch_id, again.row_id, {"total": "3.00"})])
    guarded.clean()

    assert (3, hashed(guarded, "eva")) in guarded.values("order_id", "member")
    assert guarded.waiting() == 2
    assert guarded.sightings("eva") == {"landing", "raw"}


def test_a_second_treated_row_of_a_key_is_released_under_its_own(order: Shop) -> None:
    order.treat("hash")
    order.deliver("2017-05-01/b.csv", "order_id,Member,total\n5,eve,5.00\n5,eve,5.00\n5,joe,5\n")
    order.clean()
    copies = [row for row in order.rejected() if row.rule == "unique"]

    order.release(
        [
            Fix(row.batch.batch_id, row.row_id, {"order_id": str(number)})
            for number, row in enumerate(copies, 6)
        ]
    )
    order.clean()
    order.treat("hash", rules=[])
    order.clean()

    numbers = [number for number, _ in order.values("order_id", "member")]
    assert numbers == [1, 3, 5, 6, 7]
    people = sorted(member for number, member in order.values("order_id", "member") if number > 4)
    assert people == sorted(hashed(order, each) for each in ("eve", "eve", "joe"))


def test_a_treated_record_that_could_not_be_taken_apart_is_written_anew(order: Shop) -> None:
    order.treat("hash")
    order.deliver("2017-05-02/b.csv", "order_id,Member,total\n4,dan,4.40,5\n")
    order.clean()
    order.release([order.fix_of("structure", order_id="4", Member="dan", total="4.40")])
    order.clean()
    assert order.values("order_id", "member", "_row_number")[-1] == (4, hashed(order, "dan"), 2)


def test_a_treated_row_is_released_once(guarded: Shop) -> None:
    fix = guarded.fix("3", total="3.00")
    guarded.release([fix], by="bob")
    assert guarded.release([fix]) == []
    guarded.clean()
    with pytest.raises(CorrectionRefused, match="released by bob on 2017-05-20"):
        guarded.release([replace(fix, cells={**fix.cells, "total": "30.00"})])


def test_a_treated_record_that_raw_does_not_show_again_is_not_completed(
    guarded: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fix = guarded.fix("3", total="3.00")
    monkeypatch.setattr("product360_assets.clean.delivered.record_texts", lambda *_: iter(()))
    with pytest.raises(CorrectionRefused, match="no such record in raw's") as refused:
        guarded.release([fix])
    assert "ann" not in str(refused.value)
    assert list(guarded.lake.zone("landing").list("shop/_corrections/")) == []


def test_a_pseudonym_is_not_taken_for_a_value(guarded: Shop) -> None:
    fix = guarded.fix("3", total="3.00", Member=hashed(guarded, "eve"))
    with pytest.raises(CorrectionRefused, match="a pseudonym in column 'Member'"):
        guarded.release([fix])


def test_who_may_not_read_the_key_releases_nothing(guarded: Shop) -> None:
    fix = guarded.fix("3", total="3.00")
    guarded.secrets = LocalSecrets(path="none")
    with pytest.raises(SecretMissing):
        guarded.release([fix])


def later_treated(order: Shop) -> None:
    order.treat("hash", rules=[])


def later_readable(order: Shop) -> None:
    order.treat("keep", rules=[])


def later_rotated(order: Shop) -> None:
    rotate_key(order.secrets)
    order.treat("hash", rules=[])


@pytest.mark.parametrize(
    ("before", "later"),
    [("keep", later_treated), ("hash", later_readable), ("hash", later_rotated)],
)
def test_released_rows_are_found_again_when_the_treatment_is_another_one(
    order: Shop, before: str, later: Callable[[Shop], None]
) -> None:
    order.treat(before)
    order.deliver("2017-05-01/b.csv", "order_id,Member,total\n5,eve,5.00\n5,eve,5.00\n")
    order.clean()
    fixes = [
        order.fix_of("type", total="2.20"),
        order.fix_of("total_is_positive", total="3.00"),
        order.fix_of("unique", order_id="6"),
    ]
    order.release(fixes)
    order.clean()
    released = [(number, total) for number, total in order.values("order_id", "total")]

    later(order)
    order.clean()

    assert order.values("order_id", "total") == released
    assert [number for number, _ in released] == [1, 2, 3, 5, 6]
    assert order.waiting() == 0
    # Who gives the same file again is told the same as before.
    assert {row.row_id for row in order.rejected()} >= {fixes[0].row_id, fixes[1].row_id}
    assert order.release([replace(fixes[0], cells={"total": "2.20"})]) == []


def _files(order: Shop, state: ZoneState) -> Sequence[object]:
    clean = order.lake.zone("clean")
    return list(clean.list(f"{state.location.removeprefix(f'{clean.uri}/')}/"))
