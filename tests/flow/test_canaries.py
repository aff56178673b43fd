"""What is in a treated column is found in landing and raw, and in nothing else that is left."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import canaries
import pyarrow.parquet as pq
import pytest
from lineage import REPOSITORY, Lineage

pytestmark = pytest.mark.flow
# Spark is given its rows by the same code; what it says itself in its logs is long to look at.
ON_SPARK = [pytest.mark.spark, pytest.mark.long]
ENGINES = ["sail", pytest.param("spark", marks=ON_SPARK)]


@dataclass(frozen=True)
class Flown:
    """A home through which the canaries have flown, and what was said meanwhile."""

    home: Path
    canaries: dict[str, str]
    said: str

    def sightings(self) -> set[tuple[str, str]]:
        return canaries.sightings(self.home, self.canaries, self.said)


def fly(home: Path, engine: str, *arguments: str) -> Flown:
    made = canaries.Canaries()
    for key, content in canaries.deliveries(made).items():
        path = home / "deliveries" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (home / canaries.FIXES).write_text(json.dumps(canaries.fixes(made)))
    (home / "dagster").mkdir()
    (home / "dagster" / "dagster.yaml").write_text((REPOSITORY / "dagster.yaml").read_text())
    (home / "tmp").mkdir()
    done = subprocess.run(
        [sys.executable, canaries.__file__, *arguments],
        cwd=REPOSITORY,
        # What engines spill is looked at too.
        env={**Lineage(home, engine).environment, "TMPDIR": str(home / "tmp")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return Flown(home, made.made, done.stdout + done.stderr)


@pytest.fixture(scope="module", params=ENGINES)
def flown(request: pytest.FixtureRequest) -> Iterator[Flown]:
    with tempfile.TemporaryDirectory(prefix="product360-canaries-") as folder:
        yield fly(Path(folder), request.param)


def test_no_canary_is_seen_outside_of_landing_and_raw(flown: Flown) -> None:
    assert flown.sightings() == set()


def test_all_of_them_lie_in_raw_where_they_were_delivered(flown: Flown) -> None:
    raw = flown.home / "lake/raw"
    texts = "".join(text for path in raw.rglob("*") for text in _plain(path))
    landed = {where for where, value in flown.canaries.items() if value in texts}
    # But for the file that was cut: nobody can read its end.
    assert {where for where in flown.canaries if where not in landed} <= {"broken 6"}
    assert len(landed) > 300


def _plain(path: Path) -> Iterator[str]:
    content = path.read_bytes() if path.is_file() else b""
    if content[:4] == b"PAR1" and content[-4:] == b"PAR1":
        yield json.dumps(pq.ParquetFile(path).read().to_pylist())
    yield content.decode("latin-1")


def test_the_flow_was_a_whole_one(flown: Flown) -> None:
    flows = json.loads(flown.said[flown.said.index('[{"ingest_vault') :].splitlines()[0])
    for steps in flows:
        failed = {step for step, well in steps.items() if not well}
        assert failed == {"clean__vault__doomed"}
    assert "withheld" in flown.said
    clean = flown.home / "lake/clean"
    for table in ("lines", "objects", "rows"):
        files = [*(clean / "vault" / table).rglob("*.parquet")]
        # Two are good; two were corrected, and came out of quarantine.
        assert sum(pq.read_metadata(file).num_rows for file in files) == 4
        rejected = (clean / "quarantine/vault" / table).rglob("*.parquet")
        held = [row for file in rejected for row in pq.ParquetFile(file).read().to_pylist()]
        rules = {row["rule"] for row in held}
        assert rules >= {"type", "allowed", "unique", "points_are_few", "street_is_known"}


def test_the_key_is_in_the_file_of_secrets_alone(flown: Flown) -> None:
    ring = json.loads((flown.home / canaries.KEY_FILE).read_text())["treatment_keys"]
    key = {"key": ring["1"], "bytes of the key": bytes.fromhex(ring["1"]).decode("latin-1")}
    seen = canaries.sightings(flown.home, key, flown.said)
    assert seen == {("key", canaries.KEY_FILE)}


@pytest.mark.parametrize(
    ("protection", "engine"),
    [(name, "sail") for name in canaries.PROTECTIONS if name != "quiet engine logs"]
    + [pytest.param("quiet engine logs", "spark", marks=ON_SPARK)],
)
def test_without_a_protection_canaries_are_seen(
    protection: str, engine: str, tmp_path: Path
) -> None:
    assert fly(tmp_path, engine, protection).sightings() != set()
