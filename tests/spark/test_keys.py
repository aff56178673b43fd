"""The key of treatments is read by reference, from a file of its owner's, and never repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resources.local.secrets import LocalSecrets
from resources.treatment_keys import current_key, key_of
from spark.failures import KeyUnavailable
from spark.keys import master_key


@pytest.fixture
def secrets(tmp_path: Path) -> LocalSecrets:
    return LocalSecrets(path=str(tmp_path / "secrets.json"))


def test_a_job_finds_the_key_that_the_platform_keeps(secrets: LocalSecrets) -> None:
    reference = current_key(secrets)
    assert master_key(reference.uri, reference.version) == key_of(secrets, reference.version)


def test_a_file_that_others_can_read_is_refused(secrets: LocalSecrets) -> None:
    reference = current_key(secrets)
    for mode in (0o640, 0o604, 0o620):
        Path(secrets.path).chmod(mode)
        with pytest.raises(KeyUnavailable, match="mode 600"):
            master_key(reference.uri, reference.version)


@pytest.mark.parametrize(
    "content",
    ["", "no json", "[]", "{}", '{"treatment_keys": 5}', '{"treatment_keys": {"1": 5}}',
     '{"treatment_keys": {"1": "abcd"}}', '{"treatment_keys": {"1": "secret words"}}'],
)  # fmt: skip
def test_what_is_no_key_is_said_without_its_content(secrets: LocalSecrets, content: str) -> None:
    path = Path(secrets.path)
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnavailable) as caught:
        master_key(secrets.uri_of("treatment_keys"), "1")
    assert "abcd" not in str(caught.value)
    assert "words" not in str(caught.value)


def test_a_missing_file_version_or_kind_of_reference_is_named(secrets: LocalSecrets) -> None:
    with pytest.raises(KeyUnavailable, match="No such file"):
        master_key(secrets.uri_of("treatment_keys"), "1")
    reference = current_key(secrets)
    with pytest.raises(KeyUnavailable, match="no key of version 9"):
        master_key(reference.uri, "9")
    with pytest.raises(KeyUnavailable, match="unknown kind"):
        master_key("vault:treatment_keys", "1")


def test_no_message_holds_a_key(secrets: LocalSecrets) -> None:
    reference = current_key(secrets)
    key = json.loads(Path(secrets.path).read_text())["treatment_keys"]["1"]
    with pytest.raises(KeyUnavailable) as caught:
        master_key(reference.uri, "9")
    assert key not in str(caught.value)
    assert key not in repr(reference)
