"""Corrected rows stand where the rejected ones would have stood, and no row stands beside its own
correction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from resources.local.secrets import LocalSecrets
from resources.treatment_keys import current_key, key_of, rotate_key
from spark.failures import RowsUnaccounted
from spark.row_names import keyed_name, name_of

ORIGIN = [
    "_batch_id",
    "_landing_date",
    "_source_file",
    "_row_number",
    "_ingested_at",
    "_epoch",
    "_committed_at",
    "_change_sequence",
]
PRICE_IS_POSITIVE = {"name": "price_is_positive", "expression": "price > 0", "action": "quarantine"}
CORRECTION = "2017-01-09-f"


def line(**changes: str | None) -> str:
    lineage = {
        "_batch_id": "2017-01-09-a",
        "_landing_date": "2017-01-09",
        "_source_file": "a.csv",
        "_row_number": "3",
        "_ingested_at": "2017-01-10T06:00:00+00:00",
        "_epoch": "E1",
        "_committed_at": "2017-01-09T08:00:00.000001+00:00",
        "_change_sequence": "0007",
    }
    return json.dumps({**lineage, "ID": "1", "name": "Apple", "price": "1.50", **changes}) + "\n"


def row_id(text: str, *, batch: str = "2017-01-09-a", number: int = 1) -> str:
    digest = hashlib.sha256("\x1f".join([batch, "a.csv", text]).encode()).hexdigest()
    return f"{digest[:16]}-{number}"


def released(cleaner, kind: str, ids: Sequence[str], **changes):
    batches = cleaner.spec(kind)["batches"]
    batches[0]["released"] = list(ids)
    return cleaner.clean(kind, batches=batches, **changes)


def test_a_corrected_row_keeps_the_lineage_of_the_rejected_one(cleaner) -> None:
    cleaner.deliver("f.json", line() + line(ID="2", _row_number=None), batch=CORRECTION)
    cleaned = cleaner.clean("json", origin=ORIGIN)

    assert cleaned.values("id", "name", "price", "_row_number") == [
        (1, "Apple", Decimal("1.50"), 3),
        (2, "Apple", Decimal("1.50"), None),
    ]
    [row, _] = sorted(cleaned.rows, key=lambda row: row["id"])
    assert {name: value for name, value in row.items() if name.startswith("_")} == {
        "_batch_id": "2017-01-09-a",
        "_landing_date": date(2017, 1, 9),
        "_source_file": "a.csv",
        "_row_number": 3,
        "_ingested_at": datetime(2017, 1, 10, 6, tzinfo=UTC),
        "_epoch": "E1",
        "_committed_at": datetime(2017, 1, 9, 8, 0, 0, 1, tzinfo=UTC),
        "_change_sequence": "0007",
        "_operation": "I",
        "_correction_id": CORRECTION,
    }
    assert cleaned.results[CORRECTION]["rows_in"] == 2


def test_what_is_still_wrong_is_set_aside_again_in_the_accounts_of_its_correction(cleaner) -> None:
    cleaner.deliver("f.json", line(price="1.505") + line(ID="2"), batch=CORRECTION)
    cleaned = cleaner.clean("json", origin=ORIGIN)

    assert cleaned.values("id") == [(2,)]
    [held] = cleaned.quarantine
    assert (held["rule"], held["_batch_id"], held["_correction_id"]) == (
        "type",
        "2017-01-09-a",
        CORRECTION,
    )
    assert (held["_change_sequence"], held["_epoch"]) == ("0007", "E1")


def test_a_change_that_had_no_place_gets_the_one_it_is_given_now(cleaner) -> None:
    changes = {"_committed_at": None, "_change_sequence": None, "at": "2017-01-09 09:00:00"}
    cleaner.deliver("f.json", line(**changes) + line(ID="2", at="2018-01-01 00:00:00"))
    cleaned = cleaner.clean("json", origin=ORIGIN, commit_time_column="at")

    assert cleaned.values("id", "_committed_at") == [
        (1, datetime(2017, 1, 9, 9, tzinfo=UTC)),
        # Nobody moves a change to another place by correcting it.
        (2, datetime(2017, 1, 9, 8, 0, 0, 1, tzinfo=UTC)),
    ]


def test_a_broken_line_of_a_correction_is_a_problem_of_the_correction(cleaner) -> None:
    cleaner.deliver("f.json", line() + "{not json\n", batch=CORRECTION)
    cleaned = cleaner.clean("json", origin=ORIGIN)

    [held] = cleaned.quarantine
    assert (held["rule"], held["_batch_id"], held["_source_file"]) == (
        "structure",
        CORRECTION,
        "f.json",
    )


UNIQUE = {"action": "quarantine"}


def test_corrected_rows_of_one_key_are_judged_by_the_batch_they_came_in(cleaner) -> None:
    rows = [{"name": "Apple"}, {"name": "Pear"}, {"_batch_id": "2017-01-16-b"}]
    texts = [line(_change_sequence=None, **row) for row in rows]
    cleaner.deliver("f.json", "".join(texts), batch=CORRECTION)
    cleaned = cleaner.clean("json", origin=ORIGIN, unique=UNIQUE)

    assert cleaned.values("_batch_id") == [("2017-01-09-a",), ("2017-01-16-b",)]
    assert cleaned.problems() == [("id", "unique")]


def test_corrected_changes_of_one_key_are_as_many_as_happened(cleaner) -> None:
    cleaner.deliver("f.json", line() + line(_change_sequence="0008"), batch=CORRECTION)
    cleaned = cleaner.clean("json", origin=ORIGIN, unique=UNIQUE)
    assert cleaned.values("_change_sequence") == [("0007",), ("0008",)]


def test_a_released_row_stays_aside_when_its_rule_would_let_it_pass(cleaner) -> None:
    cleaner.deliver("a.csv", "ID,name,price\n1,A,-1\n2,B,-2\n3,C,3\n")
    ids = [row_id("1,A,-1")]

    strict = released(cleaner, "csv", ids, rules=[PRICE_IS_POSITIVE])
    assert strict.values("id") == [(3,)]
    assert [held["rule"] for held in strict.quarantine] == ["price_is_positive"] * 2

    relaxed = released(cleaner, "csv", ids)
    assert relaxed.values("id") == [(2,), (3,)]
    [held] = relaxed.quarantine
    assert (held["rule"], held["raw_text"]) == ("released", "1,A,-1")
    assert relaxed.results["2017-01-09-a"]["details"] == {"quarantine.released": "1"}


def test_of_equal_rows_as_many_stay_aside_as_were_released(cleaner) -> None:
    cleaner.deliver("a.csv", "ID,name,price\n1,A,1\n1,A,1\n1,A,1\n")
    cleaned = released(cleaner, "csv", [row_id("1,A,1", number=number) for number in (1, 2)])
    assert cleaned.values("id") == [(1,)]
    assert [held["rule"] for held in cleaned.quarantine] == ["released", "released"]


def test_a_copy_that_was_released_is_known_by_the_text_that_quarantine_kept_of_it(cleaner) -> None:
    cleaner.deliver("a.csv", "ID,name,price\n1,A,1\n1,B,2\n")
    once = cleaner.clean("csv", unique={"action": "quarantine"})
    [copy] = once.quarantine

    cleaned = released(cleaner, "csv", [row_id(copy["raw_text"])])
    assert len(cleaned.rows) == 1
    assert [held["rule"] for held in cleaned.quarantine] == ["released"]


def test_a_released_row_that_is_not_found_again_stops_the_job(cleaner) -> None:
    cleaner.deliver("a.csv", "ID,name,price\n1,A,1\n")
    with pytest.raises(RowsUnaccounted, match="found 0 rows again of 1"):
        released(cleaner, "csv", [row_id("1,A,2")])


def test_rows_that_were_released_under_another_treatment_are_found_by_the_names_they_had(
    cleaner, tmp_path: Path
) -> None:
    secrets = LocalSecrets(path=str(tmp_path / "secrets.json"))
    keys = asdict(current_key(secrets))
    rotate_key(secrets)
    cleaner.deliver("a.csv", "ID,name,price\n1,é,1\n2,B,2\n3,C,-1.0\n4,D,-1\n")
    once = released(cleaner, "csv", [], unique={"action": "quarantine"})
    # As names were made of a table that is readable: of the text, and of a typed copy.
    plain, copy = row_id("1,é,1"), row_id('{"id":"2","name":"B","price":"2.00"}')
    keyed = {
        version: keyed_name(
            "2017-01-09-a", "a.csv", text, master=key_of(secrets, version), version=version
        )
        for version, text in (("1", "3,C,-1.0"), ("2", "4,D,-1"))
    }
    ids = [plain, copy, *(f"{name}-1" for name in keyed.values())]
    treated = [
        {**column, "treatment": {"how": "hash", "domain": "d"}}
        if column["name"] == "name"
        else column
        for column in cleaner.spec("csv")["columns"]
    ]

    hidden = released(cleaner, "csv", ids, columns=treated, keys={**keys, "version": "2"})
    shown = released(cleaner, "csv", ids, keys={**keys, "version": "2"})

    assert len(once.rows) == 4
    for cleaned in (hidden, shown):
        assert cleaned.rows == []
        assert [held["rule"] for held in cleaned.quarantine] == ["released"] * 4
        # Where it may be read, a copy is kept as it was delivered, and named by that.
        names = {held["row_name"] for held in cleaned.quarantine}
        assert names >= {name_of(plain), *keyed.values()}
    assert name_of(copy) in {held["row_name"] for held in hidden.quarantine}
