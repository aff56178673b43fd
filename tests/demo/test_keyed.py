"""The keyed numbers: repeatable, independent of company, and spread evenly."""

from __future__ import annotations

import numpy as np

from demo.keyed import keyed, numbered, uniform


def test_a_number_depends_on_its_id_seed_and_purpose_and_on_nothing_else() -> None:
    many = np.arange(1000, dtype=np.uint64)
    alone = uniform(many[17:18], seed=1, purpose="views")
    assert alone[0] == uniform(many, seed=1, purpose="views")[17]
    assert alone[0] != uniform(many[17:18], seed=2, purpose="views")[0]
    assert alone[0] != uniform(many[17:18], seed=1, purpose="gap")[0]


def test_the_numbers_are_these_on_every_machine() -> None:
    ids = np.array([0, 1, 31198570044], dtype=np.uint64)
    assert [f"{key:016x}" for key in keyed(ids, seed=20170101, purpose="digital").tolist()] == [
        "f53508abf9c13b52",
        "7b2cc9db61b22b5a",
        "fb6da585db375a88",
    ]


def test_numbers_are_even_and_unrelated_between_purposes() -> None:
    ids = np.arange(100_000, dtype=np.uint64)
    one, other = uniform(ids, seed=1, purpose="a"), uniform(ids, seed=1, purpose="b")
    counts = np.histogram(one, bins=10, range=(0, 1))[0]
    assert counts.min() > 9_600
    assert counts.max() < 10_400
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.02


def test_the_things_of_an_id_have_numbers_of_their_own() -> None:
    ids = np.repeat(np.arange(100, dtype=np.uint64), 100)
    positions = np.tile(np.arange(100), 100)
    assert np.unique(numbered(ids, positions)).size == 10_000
