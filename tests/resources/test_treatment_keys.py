"""The ring of keys: established once, rotated forward, and no version ever lost."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resources.errors import SecretMissing
from resources.local.secrets import LocalSecrets
from resources.treatment_keys import REFERENCE, current_key, key_of, key_versions, rotate_key


@pytest.fixture
def secrets(tmp_path: Path) -> LocalSecrets:
    return LocalSecrets(path=str(tmp_path / "home" / "secrets.json"))


def test_the_first_use_makes_a_key_for_its_owner_only(secrets: LocalSecrets) -> None:
    reference = current_key(secrets)
    assert (reference.version, reference.uri) == ("1", f"file://{secrets.path}#{REFERENCE}")
    assert len(key_of(secrets, "1")) == 32
    assert stat.S_IMODE(Path(secrets.path).stat().st_mode) == 0o600
    assert current_key(secrets) == reference


def test_many_first_users_get_one_key(secrets: LocalSecrets) -> None:
    def first(_: int) -> bytes:
        mine = LocalSecrets(path=secrets.path)
        return key_of(mine, current_key(mine).version)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(first, range(32)))) == 1


def test_a_rotation_treats_new_rows_and_keeps_every_earlier_key(secrets: LocalSecrets) -> None:
    current_key(secrets)
    first = key_of(secrets, "1")
    assert [rotate_key(secrets) for _ in range(10)] == [str(n) for n in range(2, 12)]
    assert current_key(secrets).version == "11"
    assert key_versions(secrets) == ("11", [str(n) for n in range(1, 12)])
    assert key_of(secrets, "1") == first
    assert len({key_of(secrets, str(n)) for n in range(1, 12)}) == 11


def test_a_rotation_without_a_ring_makes_the_first_key(secrets: LocalSecrets) -> None:
    assert rotate_key(secrets) == "1"


def test_other_secrets_stay_as_they_are(secrets: LocalSecrets) -> None:
    secrets.publish("crm_api", {"client_secret": "s"})
    rotate_key(secrets)
    assert secrets.get("crm_api") == {"client_secret": "s"}


@pytest.mark.parametrize("version", ["2", "current", ""])
def test_a_version_that_is_not_there_is_named(secrets: LocalSecrets, version: str) -> None:
    current_key(secrets)
    with pytest.raises(SecretMissing, match=f"version '{version}'"):
        key_of(secrets, version)


def test_a_ring_without_its_current_version_is_not_mended_by_a_new_key(
    secrets: LocalSecrets,
) -> None:
    secrets.publish(REFERENCE, {"current": "2", "1": "00" * 32})
    with pytest.raises(SecretMissing, match="backup"):
        current_key(secrets)
