"""What the doctor says of a source's database, asked of a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from resources.local.doctor_sources import look_at_database
from resources.local.secrets import LocalSecrets


def test_a_database_is_found_well_refused_or_away_and_its_password_is_never_told(
    server: Mapping[str, str], tmp_path: Path
) -> None:
    secrets = LocalSecrets(path=str(tmp_path / "secrets.json"))
    secrets.publish("shop", server)
    secrets.publish("refused", {**server, "password": "never-to-be-told"})
    secrets.publish("away", {**server, "port": "1"})
    [well] = look_at_database(secrets, "shop")
    [refused] = look_at_database(secrets, "refused")
    [away] = look_at_database(secrets, "away")
    assert (well.state, well.found.startswith("PostgreSQL 1")) == ("ok", True)
    assert well.found.endswith("wal_level logical")
    assert (refused.state, refused.fix) == (
        "failed",
        "correct the secret, or grant what is missing",
    )
    assert (away.state, "start the source" in away.fix) == ("warning", True)
    for found in (well, refused, away):
        assert "never-to-be-told" not in repr(found)
        assert server["password"] not in repr(found)
