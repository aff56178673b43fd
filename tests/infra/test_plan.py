"""What a deployment may choose, and what it is told of a choice that there is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.plan import Plan, read_plan
from resources.errors import SettingInvalid


def plan_of(tmp_path: Path, content: str) -> Plan:
    file = tmp_path / "plan.yaml"
    file.write_text(content)
    return read_plan(file)


def test_without_a_file_or_with_an_empty_one_the_usual_plan_is_taken(tmp_path: Path) -> None:
    assert read_plan(None) == Plan()
    assert plan_of(tmp_path, "") == Plan()


def test_what_is_left_out_is_as_usual(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "name: acme-test\nemr: {most_vcpus: 64}\nnotices: [a@example.com]\n")
    assert (plan.name, plan.emr.most_vcpus, plan.notices) == ("acme-test", 64, ("a@example.com",))
    assert plan.emr.release == Plan().emr.release


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("nmae: acme", "nmae"),
        ("emr: {vcpus: 64}", "emr.vcpus"),
        ("name: Acme_Lake", "name"),
        # Buckets are <name>-<account>-<region>-<zone>, of 63 characters at most.
        ("name: a-name-that-is-longer-than-twenty", "name"),
        ("raw_lock_days: 0", "raw_lock_days"),
        ("streams: [a/b]", "streams.0"),
        ("emr: {release: emr-6.9.0}", "emr.release"),
        ("runs_on: lambda.amazonaws.com", "runs_on"),
        ("[", "expected"),
    ],
)
def test_a_choice_that_there_is_not_is_refused_by_its_name(
    tmp_path: Path, content: str, found: str
) -> None:
    with pytest.raises(SettingInvalid, match=found):
        plan_of(tmp_path, content)


def test_a_file_that_is_not_there_is_no_usual_plan(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="No such file"):
        read_plan(tmp_path / "plan.yaml")
