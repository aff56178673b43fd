"""Errors of ours as Dagster shows and retries them."""

from __future__ import annotations

import dagster as dg
import pytest

from product360_assets.core.failures import explained_failures
from resources.errors import SecretMissing, SourceUnreachable


def test_a_failure_shows_its_parts_and_is_not_retried() -> None:
    with pytest.raises(dg.Failure) as caught, explained_failures():
        raise SecretMissing("secret 's'", found="none", expected="one", next_move="publish it")

    assert not caught.value.allow_retries
    assert {name: value.value for name, value in caught.value.metadata.items()} == {
        "thing": "secret 's'",
        "found": "none",
        "expected": "one",
        "next move": "publish it",
    }


def test_a_failure_that_may_pass_is_retried() -> None:
    with pytest.raises(dg.Failure) as caught, explained_failures():
        raise SourceUnreachable("database", found="x", expected="y", next_move="z")

    assert caught.value.allow_retries


def test_a_mistake_of_the_program_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), explained_failures():
        1 / 0  # noqa: B018
