"""What a deployment's outputs fill in, and what they may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resources.deployment import deployed_variables, output_name, variable_name
from resources.environments import platform_resources, settings
from resources.errors import SettingInvalid
from resources.secrets import SecretsManagerSecrets

OUTPUTS = {
    "acme-storage": {"LakePrefix": "acme-1-eu"},
    "acme-eventing": {"EventQueue": "https://sqs/acme-landing"},
    "acme-registry": {"LedgerTable": "acme-ledger"},
    "acme-secrets": {"SecretsPrefix": "acme/"},
    "acme-roles": {"OptimizerRole": "arn:aws:iam::1:role/acme-optimizers"},
    "acme-jobs": {"EmrApplication": "00f1"},
}


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(OUTPUTS))
    return file


def test_an_output_and_its_variable_are_named_alike_both_ways() -> None:
    for variable, output in {
        "PRODUCT360_LAKE_PREFIX": "LakePrefix",
        "PRODUCT360_EMR_APPLICATION": "EmrApplication",
        "PRODUCT360_ENV": "Env",
    }.items():
        assert output_name(variable) == output
        assert variable_name(output) == variable


def test_outputs_are_settings_without_a_name_being_copied(outputs: Path) -> None:
    found = settings({"PRODUCT360_ENV": "aws", "PRODUCT360_DEPLOYMENT": str(outputs)})
    assert (found.lake_prefix, found.ledger_table, found.event_queue) == (
        "acme-1-eu",
        "acme-ledger",
        "https://sqs/acme-landing",
    )
    assert found.optimizer_role == "arn:aws:iam::1:role/acme-optimizers"
    assert found.emr_deployed == {"application": "00f1"}
    secrets = platform_resources(found)["secrets"]
    assert isinstance(secrets, SecretsManagerSecrets)
    assert secrets.uri_of("shop") == "secretsmanager:acme/shop"


def test_a_variable_that_is_set_goes_before_an_output_and_an_empty_one_does_not(
    outputs: Path,
) -> None:
    found = settings(
        {
            "PRODUCT360_ENV": "aws",
            "PRODUCT360_DEPLOYMENT": str(outputs),
            "PRODUCT360_LAKE_PREFIX": "mine",
            "PRODUCT360_LEDGER_TABLE": "",
        }
    )
    assert (found.lake_prefix, found.ledger_table) == ("mine", "acme-ledger")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "No such file"),
        ("{", "Expecting"),
        ("[]", "list in place of names"),
        ('{"acme-storage": "LakePrefix"}', "str in place of names"),
        ('{"a": {"LakePrefix": "x"}, "b": {"LakePrefix": "y"}}', "another LakePrefix in b"),
    ],
)
def test_a_file_of_something_else_is_refused_by_name(
    tmp_path: Path, content: str | None, found: str
) -> None:
    file = tmp_path / "outputs.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingInvalid, match=found) as raised:
        deployed_variables(file)
    assert str(file) in str(raised.value)
