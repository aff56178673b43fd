"""A job's request: equal work is one document under one name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from resources.jobs import JobReport, JobRequest, facts_of


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


def test_facts_of_several_jobs_are_told_together() -> None:
    one = JobReport("clean", (), 1.0, "s3://r/1", {"job run": "00a", "vCPU hours": 0.1})
    other = JobReport("clean", (), 1.0, "s3://r/2", {"job run": "00b", "vCPU hours": 0.2})
    silent = JobReport("clean", (), 1.0, "file:///r/3")
    assert facts_of([one, silent, other]) == {"job run": "00a, 00b", "vCPU hours": 0.3}
    assert facts_of([silent]) == {}
