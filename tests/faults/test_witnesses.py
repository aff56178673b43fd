"""F27: the judge of histories sees what it is there to see."""

from __future__ import annotations

from witnesses import History, Reading

EMPTY, ONE, BOTH = (), (("a",),), (("a",), ("b",))
HISTORY = History([EMPTY, ONE, BOTH], acknowledged={1: 10.0, 2: 20.0})


def seen(*readings: tuple[int, float, tuple[tuple[object, ...], ...]]) -> list[str]:
    return HISTORY.violations(
        [Reading(reader, began, began + 1, state) for reader, began, state in readings]
    )


def test_f27_prefixes_in_order_are_no_violation() -> None:
    assert seen((0, 1, EMPTY), (1, 2, ONE), (0, 9, ONE), (1, 12, BOTH), (0, 21, BOTH)) == []


def test_f27_a_state_that_no_commit_left_is_one() -> None:
    assert seen((0, 1, (("b",),))) == ["reader 0 saw (('b',),), which no commit left"]


def test_f27_a_reader_that_goes_back_is_one_and_two_readers_may_differ() -> None:
    assert seen((0, 1, ONE), (1, 2, EMPTY), (0, 3, EMPTY)) == ["reader 0 went back from 1 to 0"]


def test_f27_not_to_see_what_was_acknowledged_is_one() -> None:
    assert seen((0, 21, ONE)) == ["reader 0 saw 1 when 2 had been acknowledged"]
