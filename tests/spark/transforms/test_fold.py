"""The last change of each key wins, whatever way the change log was cut, shuffled or repeated."""

from __future__ import annotations

from datetime import datetime
from itertools import permutations

from pyspark.sql.functions import col

from spark.transforms.fold import change_order, joined_lineage, latest_changes, standing

EARLY = datetime(2017, 1, 1, 8)  # noqa: DTZ001 - the engine's zone is UTC
LATE = datetime(2017, 1, 1, 8, 0, 0, 500_000)  # noqa: DTZ001
VALUES = "id bigint, value string"


def outcome(rows) -> dict[int, tuple[str, str]]:
    return {row["id"]: (row["value"], row["_operation"]) for row in rows.collect()}


def test_epoch_then_commit_time_then_sequence_decide(changes) -> None:
    log = changes(
        VALUES,
        [
            (1, "new load", "b", "load-2", EARLY, None, "I"),
            (1, "old load", "b", "load-1", LATE, "9", "U"),
            (2, "half a second later", "b", "load-1", LATE, None, "U"),
            (2, "on the second", "b", "load-1", EARLY, "9", "U"),
            (3, "second of the commit", "b", "load-1", EARLY, "02", "U"),
            (3, "first of the commit", "b", "load-1", EARLY, "01", "U"),
            (4, "has a time", "b", "load-1", EARLY, None, "U"),
            (4, "has none", "b", "load-1", None, None, "I"),
        ],
    )
    assert {key: value for key, (value, _) in outcome(latest_changes(log, ["id"])).items()} == {
        1: "new load",
        2: "half a second later",
        3: "second of the commit",
        4: "has a time",
    }


def test_no_order_or_repetition_of_a_log_changes_its_outcome(changes) -> None:
    log = [
        ("insert", "b1", "load-1", EARLY, "1", "I"),
        ("update", "b1", "load-1", EARLY, "2", "U"),
        ("same moment a", "b2", "load-1", LATE, "3", "U"),
        ("same moment b", "b3", "load-1", LATE, "3", "U"),
    ]
    # Every order is a log of its own, in which each change is delivered once or twice. The log's
    # number is lineage by its name, so it is no content that could decide a tie.
    orders = list(permutations(log))
    rows = [(log, 1, *row) for log, order in enumerate(orders) for row in (*order, *order[:2])]
    latest = latest_changes(changes(f"_log bigint, {VALUES}", rows), ["_log", "id"]).collect()
    assert len(latest) == len(orders)
    assert len({row["value"] for row in latest}) == 1
    assert latest[0]["value"].startswith("same moment")


def test_a_delete_wins_a_tie_and_is_no_standing_row(changes) -> None:
    log = changes(
        VALUES,
        [
            (1, "x", "b", "load-1", EARLY, "1", "U"),
            (1, None, "b", "load-1", EARLY, "1", "D"),
            (2, None, "b", "load-1", EARLY, "1", "D"),
            (2, "inserted again", "b", "load-1", EARLY, "2", "I"),
        ],
    )
    latest = latest_changes(log, ["id"])
    assert outcome(latest) == {1: (None, "D"), 2: ("inserted again", "I")}
    assert outcome(standing(latest)) == {2: ("inserted again", "I")}


def test_a_place_in_history_sorts_as_text(changes) -> None:
    log = changes(
        VALUES,
        [
            (1, "", "b", "load-1", None, None, "I"),
            (2, "", "b", "load-1", EARLY, None, "I"),
            (3, "", "b", "load-1", EARLY, "1", "I"),
            (4, "", "b", "load-1", LATE, None, "I"),
            (5, "", "b", "load-10", None, None, "I"),
        ],
    )
    places = {
        row["id"]: row["place"] for row in log.select("id", change_order().alias("place")).collect()
    }
    assert sorted(places, key=lambda key: places[key]) == [1, 2, 3, 4, 5]
    assert places[4] == "load-1 2017-01-01 08:00:00.500000 "


def test_a_joined_row_names_the_batch_that_changed_last_and_keeps_its_own_order(changes) -> None:
    one = latest_changes(
        changes(VALUES, [(1, "", "batch-1", "load-1"), (2, "", "batch-1", "load-9")]), ["id"]
    )
    other = latest_changes(changes(VALUES, [(1, "", "batch-2", "load-2")]), ["id"])
    joined = one.alias("a").join(other.alias("b"), on=col("a.id") == col("b.id"), how="left")
    rows = joined.select(col("a.id").alias("id"), *joined_lineage("a", "b")).collect()
    assert {row["id"]: (row["_batch_id"], row["_change_order"].strip()) for row in rows} == {
        1: ("batch-2", "load-1"),
        2: ("batch-1", "load-9"),
    }
