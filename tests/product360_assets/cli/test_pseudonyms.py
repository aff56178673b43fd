"""Who holds the key reverses one token at a time, on the record; nobody else does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from product360_assets.clean import reveal as revealing
from product360_assets.core.contract import SourceContract
from resources.errors import ObjectMissing, SecretMissing, TokenUnknown
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource
from resources.treatment_keys import current_key, key_of, rotate_key
from spark.tokens import pseudonymiser

REPOSITORY = Path(__file__).parents[3]


def column(name: str, **more: str) -> Mapping[str, str]:
    return {"name": name, "type": "string", "description": "It.", "treatment": "tokenise", **more}


CONTRACT = SourceContract.model_validate(
    {
        "name": "shop",
        "kind": "files",
        "description": "A shop.",
        "owners": ["team:shop"],
        "tables": [
            {
                "name": "member",
                "description": "Members.",
                "format": "csv",
                "key": ["id"],
                "cadence": "daily",
                "freshness_hours": 24,
                "columns": [column("id", domain="person"), column("email")],
            }
        ],
    }
)


@pytest.fixture
def secrets(tmp_path: Path) -> LocalSecrets:
    secrets = LocalSecrets(path=str(tmp_path / "home" / "secrets.json"))
    current_key(secrets)
    return secrets


@pytest.fixture
def lake(tmp_path: Path) -> LakeResource:
    return LakeResource(uri=f"file://{tmp_path}/lake")


@pytest.fixture
def reveal(secrets: LocalSecrets, lake: LakeResource) -> Callable[[str], str]:
    def reversed_token(token: str) -> str:
        return revealing.reveal(
            token,
            reason="A complaint.",
            contracts=[CONTRACT],
            secrets=secrets,
            audit=lake.zone("clean"),
        )

    return reversed_token


def token(secrets: LocalSecrets, domain: str, value: str = "ann", version: str = "1") -> str:
    made = pseudonymiser("tokenise", key_of(secrets, version), domain=domain, version=version)
    return made(value)


def records(lake: LakeResource) -> list[dict[str, str]]:
    clean = lake.zone("clean")
    return [json.loads(clean.read(info.key)) for info in clean.list("audit/reveals/")]


@pytest.mark.parametrize("domain", ["person", "shop.member.email"])
def test_a_token_of_any_declared_domain_is_reversed_and_recorded(
    domain: str, secrets: LocalSecrets, lake: LakeResource, reveal: Callable[[str], str]
) -> None:
    mine = token(secrets, domain)
    assert reveal(mine) == "ann"
    [record] = records(lake)
    assert (record["token"], record["domain"], record["key_version"]) == (mine, domain, "1")
    assert record["reason"] == "A complaint."
    assert record["user"]
    assert "ann" not in json.dumps({**record, "user": "", "host": ""})


def test_a_token_of_an_earlier_key_is_reversed_after_a_rotation(
    secrets: LocalSecrets, reveal: Callable[[str], str]
) -> None:
    before = token(secrets, "person")
    rotate_key(secrets)
    assert reveal(before) == "ann"
    assert reveal(token(secrets, "person", version="2")) == "ann"


def test_an_attempt_that_fails_is_recorded_too(
    secrets: LocalSecrets, lake: LakeResource, reveal: Callable[[str], str]
) -> None:
    with pytest.raises(TokenUnknown, match="any declared domain"):
        reveal(token(secrets, "undeclared"))
    assert [record["domain"] for record in records(lake)] == [None]
    with pytest.raises(TokenUnknown, match="hash"):
        reveal("h1-00")


def test_without_the_key_nobody_reverses_anything(
    secrets: LocalSecrets, reveal: Callable[[str], str]
) -> None:
    mine = token(secrets, "person")
    secrets.withdraw("treatment_keys")
    with pytest.raises(SecretMissing):
        reveal(mine)


def test_without_its_record_no_value_is_shown(
    secrets: LocalSecrets, lake: LakeResource, reveal: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def refuse(*_: object) -> None:
        raise ObjectMissing("the audit", found="f", expected="e", next_move="n")

    mine = token(secrets, "person")
    monkeypatch.setattr(type(lake.zone("clean")), "put", refuse)
    with pytest.raises(ObjectMissing):
        reveal(mine)


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "product360_assets.cli", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "PRODUCT360_HOME": str(home), "PRODUCT360_ENV": "local"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_shows_versions_and_never_a_key(tmp_path: Path) -> None:
    assert command(tmp_path, "keys", "list").returncode == 1
    assert command(tmp_path, "keys", "rotate").stdout.startswith("Version 1 treats new rows.")
    assert command(tmp_path, "keys", "rotate").stdout.startswith("Version 2 treats new rows.")
    listed = command(tmp_path, "keys", "list", "--format", "json").stdout
    assert [row["version"] for row in json.loads(listed)] == ["1", "2"]
    ring = json.loads((tmp_path / "secrets.json").read_text())["treatment_keys"]
    assert ring["1"] not in listed
    refused = command(tmp_path, "reveal", "t1-AAAA", "--reason", "A complaint.")
    assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
    assert command(tmp_path, "reveal", "t1-AAAA").returncode == 2
    assert command(tmp_path, "reveal", "t1-AAAA", "--reason", " ").returncode == 2


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user can come to, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="product360-keys-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_another_user_of_the_machine_is_told_that_the_key_is_not_theirs(public: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    secrets = LocalSecrets(path=str(public / "secrets.json"))
    current_key(secrets)
    child = os.fork()
    if child == 0:
        os.seteuid(65534)
        try:
            key_of(secrets, "1")
        except SecretMissing as refused:
            os._exit(0 if "this user may not read" in str(refused) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
