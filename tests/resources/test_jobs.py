"""A job's request: equal work is one document under one name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resources.jobs import JobRequest


def test_equal_specs_are_one_document_and_one_digest() -> None:
    one = JobRequest("clean", "n", {"a": 1, "b": ["ä"]})
    other = JobRequest("clean", "n", {"b": ["ä"], "a": 1})
    assert one.document == other.document == '{"a":1,"b":["ä"]}'.encode()
    assert one.digest == other.digest


@pytest.mark.parametrize("spec", [{"a": 2, "b": ["ä"]}, {"a": 1}, {"a": 1, "b": []}, {}])
def test_another_spec_has_another_digest(spec: dict[str, Any]) -> None:
    one = JobRequest("clean", "n", {"a": 1, "b": ["ä"]})
    assert JobRequest("clean", "n", spec).digest != one.digest


def test_the_document_is_the_spec() -> None:
    spec = {"inputs": {"x": [1, 2.5, None, True]}}
    assert json.loads(JobRequest("clean", "n", spec).document) == spec


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        _ = JobRequest("clean", "n", {"share": float("nan")}).document


def test_a_request_carries_no_commit_properties_unless_told() -> None:
    assert JobRequest("clean", "n", {}).commit == {}
