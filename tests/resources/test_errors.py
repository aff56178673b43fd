"""The error tree: readable by people, decidable by code, whole after a trip between processes."""

import pickle

import pytest

from resources import errors
from resources.errors import Product360Error, RetryableError, TerminalError


def every_error() -> list[type[Product360Error]]:
    found = [Product360Error]
    for kind in found:
        found.extend(kind.__subclasses__())
    return found


def example(kind: type[Product360Error]) -> Product360Error:
    return kind("raw/p/a.csv", found="5 bytes", expected="none.", next_move="choose another key")


def test_a_message_says_thing_found_expected_and_next_move() -> None:
    assert str(example(errors.ObjectExists)) == (
        "raw/p/a.csv: found 5 bytes. Expected none. Next: choose another key."
    )


def test_the_parts_stay_attributes() -> None:
    error = example(errors.ObjectExists)
    assert (error.thing, error.found, error.expected, error.next_move) == (
        "raw/p/a.csv",
        "5 bytes",
        "none.",
        "choose another key",
    )


@pytest.mark.parametrize("kind", every_error())
def test_an_error_survives_the_way_to_another_process(kind: type[Product360Error]) -> None:
    error = pickle.loads(pickle.dumps(example(kind)))
    assert type(error) is kind
    assert str(error) == str(example(kind))
    assert repr(error) == repr(example(kind))


@pytest.mark.parametrize("kind", every_error()[1:])
def test_every_error_says_whether_trying_again_helps(kind: type[Product360Error]) -> None:
    assert issubclass(kind, RetryableError) != issubclass(kind, TerminalError)
    assert kind.retryable is issubclass(kind, RetryableError)


def test_the_tree_drawn_in_the_module_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = [
        line.split("── ")[1].split()[0] for line in errors.__doc__.splitlines() if "── " in line
    ]
    assert sorted(drawn) == sorted(kind.__name__ for kind in every_error()[1:])
