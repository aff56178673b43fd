"""That the gate holds: what the checks are for ends a synthesis, and a plan's choices pass it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from synthesised import ROOT, listed, require_synthesis, run_infra, text

pytestmark = pytest.mark.long

# Somebody adds a bucket like any other, and a right without a reason.
CARELESS = """
import sys
from pathlib import Path
from aws_cdk import aws_s3 as s3
from infra import app, eventing, roles
from infra.plan import Plan
from infra.rights import Right

announced = eventing.EventingStack.__init__
def with_a_bucket(self, scope, plan, storage):
    announced(self, scope, plan, storage)
    s3.Bucket(self, "Careless")
eventing.EventingStack.__init__ = with_a_bucket
jobs = roles.RolesStack._of_jobs
roles.RolesStack._of_jobs = lambda self: [
    *jobs(self), Right(("s3:GetObject",), (self._storage.bucket_arn("landing") + "/*",))
]
app.app(Plan(), Path(sys.argv[1])).synth()
"""


def test_a_careless_bucket_and_a_wildcard_without_a_reason_end_the_synthesis(
    tmp_path: Path,
) -> None:
    require_synthesis()
    command = [sys.executable, "-c", CARELESS, str(tmp_path)]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode != 0
    report = (tmp_path / "validation-report.json").read_text()
    assert "AwsSolutions-S10" in report
    assert "-landing/*]" in report


def test_another_plan_is_as_clean_for_cdk_nag_and_cfn_lint(tmp_path: Path) -> None:
    require_synthesis()
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "name: acme\nruns_on: ec2.amazonaws.com\nnotices: [a@example.com]\n"
        "streams: [clicks]\nalerts: alerts.yaml\n"
    )
    (tmp_path / "alerts.yaml").write_text(
        "receivers: {desk: {type: webhook, secret: desk_webhook}}\nroutes: [{to: [desk]}]\n"
    )
    made = run_infra("--plan", str(plan), "--folder", str(tmp_path / "out"))
    assert made.returncode == 0, made.stdout + made.stderr
    roles = json.loads((tmp_path / "out" / "Roles.template.json").read_text())["Resources"]
    assert "AWS::IAM::InstanceProfile" in {each["Type"] for each in roles.values()}
    secrets = json.loads((tmp_path / "out" / "Secrets.template.json").read_text())["Resources"]
    assert "acme/desk_webhook" in {each["Properties"]["Name"] for each in secrets.values()}
    [reading] = [
        statement
        for each in roles.values()
        if each["Type"] == "AWS::IAM::Policy"
        for statement in each["Properties"]["PolicyDocument"]["Statement"]
        if any(action.startswith("kinesis:") for action in listed(statement["Action"]))
    ]
    assert all(action.split(":")[0] == "kinesis" for action in reading["Action"])
    assert len(reading["Action"]) == 4
    assert text(reading["Resource"]).endswith(":stream/clicks")
