"""Secrets by reference: for the owner only, whole at every moment, and never in a message."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resources.errors import SecretMissing
from resources.local.secrets import LocalSecrets

DATABASE = {"host": "127.0.0.1", "port": "5432", "password": "correct horse"}


@pytest.fixture
def secrets(tmp_path: Path) -> LocalSecrets:
    return LocalSecrets(path=str(tmp_path / "home" / "secrets.json"))


def test_a_published_secret_is_read_back_until_it_is_withdrawn(secrets: LocalSecrets) -> None:
    secrets.publish("pos_database", {"host": "first"})
    secrets.publish("pos_database", DATABASE)
    secrets.publish("crm_api", {"base_url": "http://127.0.0.1:1/"})
    assert secrets.get("pos_database") == DATABASE
    secrets.withdraw("pos_database")
    secrets.withdraw("pos_database")
    with pytest.raises(SecretMissing):
        secrets.get("pos_database")
    assert secrets.get("crm_api") == {"base_url": "http://127.0.0.1:1/"}


def test_only_the_owner_can_read_the_file(secrets: LocalSecrets) -> None:
    secrets.publish("pos_database", DATABASE)
    for path in Path(secrets.path).parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_secret_says_where_it_was_looked_for_and_what_to_do(
    secrets: LocalSecrets,
) -> None:
    with pytest.raises(SecretMissing, match="no secret in") as caught:
        secrets.get("pos_database")
    assert secrets.path in str(caught.value)
    assert "python -m demo up" in caught.value.next_move
    secrets.publish("crm_api", DATABASE)
    with pytest.raises(SecretMissing, match="only crm_api in"):
        secrets.get("pos_database")


@pytest.mark.parametrize("content", ["not json", "[]", '{"pos_database": {"port": 5432}}', ""])
def test_a_broken_file_is_reported_without_its_content(secrets: LocalSecrets, content: str) -> None:
    Path(secrets.path).parent.mkdir()
    Path(secrets.path).write_text(content)
    with pytest.raises(SecretMissing) as caught:
        secrets.get("pos_database")
    assert "5432" not in str(caught.value)


def test_many_publish_at_once_and_none_is_lost(secrets: LocalSecrets) -> None:
    references = [f"secret-{number:02d}" for number in range(32)]

    def publish(reference: str) -> None:
        LocalSecrets(path=secrets.path).publish(reference, {"value": reference})
        assert secrets.get(reference) == {"value": reference}

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(publish, references))
    assert [secrets.get(reference)["value"] for reference in references] == references


def test_a_secret_is_not_part_of_what_the_resource_shows(secrets: LocalSecrets) -> None:
    secrets.publish("pos_database", DATABASE)
    assert "correct horse" not in repr(secrets)
