"""Erased subjects as the clean job leaves them: tombstones, or facts of nobody; on both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from resources.local.secrets import LocalSecrets
from resources.treatment_keys import current_key, key_of
from spark.tokens import subject_hash

LINES = """id,who,total
1,4711,1.10
2,0815,2.20
3,4711,x4711
4,,3.30
5,47110,4.40
"""


@pytest.fixture
def erased(tmp_path: Path) -> dict[str, Any]:
    secrets = LocalSecrets(path=str(tmp_path / "secrets.json"))
    key = current_key(secrets)
    subject = subject_hash(key_of(secrets, key.version), key.version, "member")("4711")
    return {"uri": key.uri, "hashes": {"member": [subject]}}


def clean(cleaner: Any, erasure: str, erased: dict[str, Any] | None) -> Any:
    cleaner.deliver("a.csv", LINES.encode())
    columns = [
        cleaner.column("id", "bigint"),
        {**cleaner.column("who", "string", nullable=True), "subject": "member", "erasure": erasure},
        cleaner.column("total", "decimal(12,2)"),
    ]
    return cleaner.clean("csv", columns=columns, **({"erased": erased} if erased else {}))


def test_an_erased_subject_leaves_tombstones_that_are_counted(
    cleaner: Any, erased: dict[str, Any]
) -> None:
    cleaned = clean(cleaner, "remove", erased)

    assert sorted(row["id"] for row in cleaned.rows) == [2, 4, 5]
    assert [(row["rule"], row["column"], row["raw_text"]) for row in cleaned.quarantine] == [
        ("erased", None, None)
    ] * 2
    [result] = cleaned.results.values()
    assert (result["rows_in"], result["rows_out"], result["rows_quarantined"]) == (5, 3, 2)
    assert result["details"]["quarantine.erased"] == "2"


def test_an_anonymised_fact_keeps_its_value_and_a_rejected_one_its_place(
    cleaner: Any, erased: dict[str, Any]
) -> None:
    cleaned = clean(cleaner, "anonymise", erased)

    kept = sorted((row["id"], row["who"], str(row["total"])) for row in cleaned.rows if row["who"])
    assert kept == [(2, "0815", "2.20"), (5, "47110", "4.40")]
    assert sorted(str(row["total"]) for row in cleaned.rows if not row["who"]) == ["1.10", "3.30"]
    assert [row["rule"] for row in cleaned.quarantine] == ["erased"]


def test_where_every_row_has_a_name_an_erased_one_has_none(
    session: SparkSession, tmp_path: Path, make_cleaner: Any, erased: dict[str, Any]
) -> None:
    # Rows of a table with treated columns are named before it is known which of them share a key.
    # Sail, unlike Spark, refuses a null where it had seen that there can be none.
    cleaner = make_cleaner(session, tmp_path)
    cleaner.deliver("a.csv", LINES.encode())
    columns = [
        cleaner.column("id", "bigint"),
        {**cleaner.column("who", "string", nullable=True), "subject": "member"},
        cleaner.column("total", "decimal(12,2)", treatment={"how": "hash", "domain": "d"}),
    ]
    keys = {"uri": erased["uri"], "version": "1"}
    unique = {"action": "quarantine"}
    cleaned = cleaner.clean("csv", columns=columns, keys=keys, erased=erased, unique=unique)

    assert sorted(row["id"] for row in cleaned.rows) == [2, 4, 5]
    assert [row["rule"] for row in cleaned.quarantine] == ["erased"] * 2


def test_without_the_request_the_subject_is_there(
    session: SparkSession, tmp_path: Path, make_cleaner: Any
) -> None:
    cleaned = clean(make_cleaner(session, tmp_path), "remove", None)

    assert sorted(row["id"] for row in cleaned.rows) == [1, 2, 4, 5]
    assert "4711" in cleaned.quarantine[0]["raw_text"]
