"""Secrets Manager as a place of secrets: what the local file does, over the wire."""

import secrets as random_text

import pytest

from resources.aws import client
from resources.errors import SecretMissing
from resources.secrets import SecretsManagerSecrets
from resources.treatment_keys import REFERENCE, current_key, key_of, key_versions, rotate_key
from spark.failures import KeyUnavailable
from spark.keys import master_key

pytestmark = pytest.mark.aws


def test_a_secret_is_read_by_reference_below_the_deployments_prefix(aws: str) -> None:
    prefix = f"test-{random_text.token_hex(4)}/"
    service = client("secretsmanager")
    service.create_secret(Name=f"{prefix}pos_database", SecretString='{"host": "db", "user": "u"}')
    service.create_secret(Name=f"{prefix}broken", SecretString='{"password": 5432}')
    secrets = SecretsManagerSecrets(prefix=prefix)
    assert secrets.get("pos_database") == {"host": "db", "user": "u"}
    with pytest.raises(SecretMissing, match="crm_api") as missing:
        secrets.get("crm_api")
    assert f"{prefix}crm_api" in missing.value.next_move
    with pytest.raises(SecretMissing) as broken:
        secrets.get("broken")
    assert "5432" not in str(broken.value)


def test_the_ring_of_keys_is_kept_and_rotated_but_made_by_a_person_only(aws: str) -> None:
    secrets = SecretsManagerSecrets(prefix=f"test-{random_text.token_hex(4)}/")
    with pytest.raises(SecretMissing):
        current_key(secrets)
    assert [rotate_key(secrets), rotate_key(secrets)] == ["1", "2"]
    assert key_versions(secrets) == ("2", ["1", "2"])
    reference = current_key(secrets)
    assert reference.version == "2"
    assert reference.uri == f"secretsmanager:{secrets.prefix}{REFERENCE}"
    assert key_of(secrets, "1") != key_of(secrets, "2")


def test_a_job_finds_the_keys_that_the_platform_published(aws: str) -> None:
    secrets = SecretsManagerSecrets(prefix=f"test-{random_text.token_hex(4)}/")
    uri = secrets.uri_of(REFERENCE)
    with pytest.raises(KeyUnavailable, match=r"ResourceNotFoundException.*product360 keys rotate"):
        master_key(uri, "1")
    rotate_key(secrets)
    rotate_key(secrets)
    for version in ("1", "2"):
        assert master_key(uri, version) == key_of(secrets, version)
    with pytest.raises(KeyUnavailable, match="no key of version 3"):
        master_key(uri, "3")
