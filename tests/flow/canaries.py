"""Values that must never be seen again, delivered by a source, and the hunt for them afterwards.

Run as a script it is the platform: a source of files whose columns have every treatment flows
through landing, raw and clean in Dagster, in a home of its own, on a real engine. Each value of a
treated column is unique in the world, so wherever it is found it came from here. What is delivered
goes wrong in every way there is: values of no type, rules broken, rows shifted, files cut, and a
rule that makes the engine itself fail over a value. Then somebody corrects rows from the command
line and releases them from quarantine, and they flow too.
"""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import os
import re
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from typer.testing import CliRunner

from product360_assets.clean.assets import clean_asset
from product360_assets.clean.work import Cleaning
from product360_assets.cli.commands import app
from product360_assets.core.contract import SourceContract
from product360_assets.core.partitions import register_landing_dates, run_tags
from product360_assets.core.states import CLEAN
from product360_assets.ingestion.arrivals import landing_day
from product360_assets.ingestion.assets import landing_assets, source_specs
from product360_assets.raw.acceptance import Acceptance
from product360_assets.raw.assets import raw_asset
from resources.environments import platform_resources
from resources.errors import Product360Error
from resources.ledger import Batch

DAY = "2017-05-01"
# What a person writes into the cells of a rejected row, by the rule that rejected it.
FIXES = "fixes.json"
FIXED = ("points_are_few", "street_is_known")
# Where delivered values belong, and where the key does.
DELIVERED = ("lake/landing", "lake/raw")
KEY_FILE = "secrets.json"


def column(name: str, kind: str, treatment: str = "keep", **more: object) -> dict[str, object]:
    described = {"name": name, "type": kind, "treatment": treatment, "nullable": name != "id"}
    return {**described, "description": f"{name}.", **more}


COLUMNS = [
    column("id", "string", "tokenise", domain="person"),
    column("email", "string", "hash", domain="person"),
    column("phone", "bigint", "hash"),
    column("born", "date", "generalise", generalise={"period": "year"}),
    column("salary", "decimal(18,2)", "generalise", generalise={"bands": [1000, 2000.5]}),
    column("postcode", "string", "generalise", generalise={"prefix": 2}),
    column("street", "string", "redact"),
    column("answer", "string", "redact", replacement="given"),
    column("note", "string", "drop"),
    column("city", "string"),
    column("state", "string", allowed=["open", "closed"]),
    column("points", "int"),
]
RULES = [
    ("note_is_short", "length(note) < 5", "warn"),
    ("points_are_few", "points < 1000", "quarantine"),
    ("street_is_known", "street NOT LIKE '%nowhere%'", "quarantine"),
]
# Spark and Sail both fail over this cast, and quote what they failed over.
DOOM = ("email_is_a_number", "CAST(email AS int) > 0", "quarantine")


def table(name: str, kind: str, *more: tuple[str, str, str]) -> dict[str, object]:
    return {
        "name": name,
        "description": f"{name}.",
        "format": kind,
        "key": ["id"],
        "cadence": "daily",
        "freshness_hours": 24,
        "unique": {"action": "quarantine", "why": "Once."},
        "columns": COLUMNS,
        "rules": [
            {"name": rule, "expression": sql, "action": action, "why": "Because."}
            for rule, sql, action in (*RULES, *more)
        ],
    }


CONTRACT = SourceContract.model_validate(
    {
        "name": "vault",
        "kind": "files",
        "description": "People.",
        "owners": ["team:vault"],
        "tables": [
            table("lines", "csv"),
            table("objects", "json"),
            table("rows", "parquet"),
            table("doomed", "json", DOOM),
        ],
    }
)


class Canaries:
    """Makes unique values and remembers them by where they were put."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}

    def text(self, where: str) -> str:
        return self._remember(where, f"canary{os.urandom(6).hex()}")

    def number(self, where: str) -> str:
        return self._remember(where, "7" + str(int.from_bytes(os.urandom(7), "big")).zfill(17)[:14])

    def day(self, where: str) -> str:
        number = len(self.made)
        return self._remember(where, f"19{30 + number % 60}-{1 + number % 12:02d}-17")

    def money(self, where: str) -> str:
        return self._remember(where, f"{os.urandom(3)[0]}{os.urandom(1)[0]:03d}8642.31")

    def _remember(self, where: str, value: str) -> str:
        self.made[where] = value
        return value

    def person(self, where: str, **changes: object) -> dict[str, object]:
        """A row of canaries in every treated column."""
        person: dict[str, object] = {
            "id": self.text(f"{where} id"),
            "email": self.text(f"{where} email"),
            "phone": self.number(f"{where} phone"),
            "born": self.day(f"{where} born"),
            "salary": self.money(f"{where} salary"),
            "postcode": "xy" + self.text(f"{where} postcode"),
            "street": self.text(f"{where} street"),
            "answer": self.text(f"{where} answer"),
            "note": self.text(f"{where} note"),
            "city": "Ghent",
            "state": "open",
            "points": 5,
        }
        for name in changes:
            self.made.pop(f"{where} {name}", None)
        return {**person, **changes}


def deliveries(canaries: Canaries) -> dict[str, bytes]:
    """Files by their key below the source's folder in landing."""
    people = {name: _people(canaries, name) for name in ("lines", "objects", "rows", "doomed")}
    broken = [canaries.text(f"broken {number}") for number in range(10)]
    names = [str(each["name"]) for each in COLUMNS]
    header = ",".join(names)
    good = [",".join(str(person[name]) for name in names) for person in people["lines"]]
    whole = "\n".join([header, *good]) + "\n"
    few = [f"{broken[0]},two", f'"{broken[1]},never closed', f'x{"," * 10}"{broken[2]}"x']
    return {
        f"lines/{DAY}/good.csv": whole.encode(),
        f"lines/{DAY}/broken.csv": "\n".join([header, *few]).encode() + b"\n\xff" + b"," * 11,
        # The first line of data is taken for the header.
        f"lines/{DAY}/headless.csv": f"{broken[3]},{broken[4]}\n{broken[5]},1\n".encode(),
        f"lines/{DAY}/cut.csv.gz": gzip.compress((whole + broken[6] * 90).encode())[:-9],
        f"objects/{DAY}/good.json": _json(people["objects"]),
        f"objects/{DAY}/broken.json": (
            f'{{"id":"{broken[7]}"\n["{broken[8]}"]\n{{"id":"{broken[9]}"}} {{"id":"x"}}\n'
        ).encode(),
        f"rows/{DAY}/good.parquet": _parquet(people["rows"]),
        f"rows/{DAY}/cut.parquet": _parquet(people["rows"])[:-20],
        f"doomed/{DAY}/good.json": _json(people["doomed"]),
    }


def _people(canaries: Canaries, where: str) -> list[dict[str, object]]:
    twice = canaries.person(f"{where} twice")
    person = canaries.person
    return [
        person(f"{where} good"),
        twice,
        {**twice, "note": canaries.text(f"{where} twice note")},
        person(f"{where} no phone", phone=canaries.text(f"{where} phone of no type")),
        person(f"{where} no day", born=canaries.text(f"{where} day of no type")),
        person(f"{where} no points", points=canaries.text(f"{where} points of no type")),
        # Shifted: what is wrong with the row is seen in one column, what leaks stands in another.
        person(f"{where} shifted", city=canaries.text(f"{where} city shifted"), points="none"),
        person(f"{where} state", state=canaries.text(f"{where} state not allowed")),
        person(f"{where} many points", points=5000),
        person(f"{where} nowhere", street=f"nowhere {canaries.text(f'{where} broken street')}"),
    ]


def _json(people: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(person) + "\n" for person in people).encode()


def _parquet(people: list[dict[str, object]]) -> bytes:
    texts = [{name: str(value) for name, value in person.items()} for person in people]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(texts), sink)
    return sink.getvalue()


def fixes(canaries: Canaries) -> dict[str, dict[str, str]]:
    """Corrected cells by rule: one of them a treated one."""
    return {
        "points_are_few": {"points": "5"},
        "street_is_known": {"street": canaries.text("corrected street")},
    }


def run(home: Path) -> list[dict[str, bool]]:
    """The source flows through Dagster, is corrected, and flows again; by step, whether it did."""
    resources = _delivered(home)
    with dg.DagsterInstance.get() as instance:
        first = _flow(instance, resources)
        _release(home, resources)
        return [first, _flow(instance, resources)]


def _release(home: Path, resources: dict[str, Any]) -> None:
    """Everything that is rejected is shown; some of it is corrected and released."""
    corrected = json.loads((home / FIXES).read_text())
    (home / FIXES).unlink()
    contracts = patch(
        "product360_assets.cli.held.contracts_in_force", lambda: {CONTRACT.name: CONTRACT}
    )
    with contracts, tempfile.TemporaryDirectory() as desk:
        for batch in _batches(resources):
            shown = _said("show", batch.batch_id, "--format", "csv")
            lines = list(csv.DictReader(io.StringIO(shown)))
            if not lines:
                continue
            given = [{**line, **corrected.get(line["quarantine_rule"], {})} for line in lines]
            file = Path(desk) / "fix.csv"
            with file.open("w", newline="") as sheet:
                writer = csv.DictWriter(sheet, list(given[0]))
                writer.writeheader()
                writer.writerows(given)
            _said("release", "--from", str(file), "--why", "slips", "--by", "ann")
            _said("show", batch.batch_id)


def _batches(resources: dict[str, Any]) -> list[Batch]:
    ledger = resources["ledger"].open()
    return [
        batch
        for each in CONTRACT.tables
        for batch in ledger.batches(CONTRACT.name, each.name)
        if ledger.zone_state(batch.batch_id, CLEAN)
    ]


def _said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["quarantine", *arguments])
    sys.stdout.write(f"{result.output}\n")
    return result.stdout


def _flow(instance: dg.DagsterInstance, resources: dict[str, Any]) -> dict[str, bool]:
    register_landing_dates(instance, CONTRACT.name, [_day()])
    result = dg.materialize(
        [
            *source_specs(CONTRACT),
            landing_assets(CONTRACT),
            *(raw_asset(CONTRACT, each) for each in CONTRACT.tables),
            *(clean_asset(CONTRACT, each, jobs_version="1") for each in CONTRACT.tables),
        ],
        instance=instance,
        resources=resources,
        tags=run_tags(instance, CONTRACT.name, [_day()]),
        raise_on_error=False,
    )
    return {
        event.step_key: event.event_type_value == "STEP_SUCCESS"
        for event in result.all_events
        if event.event_type_value in ("STEP_SUCCESS", "STEP_FAILURE") and event.step_key
    }


# What is patched away, one at a time; the tables that then give a value away.
PROTECTIONS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "treatments": (
        lambda: patch(
            "spark.transforms.treatments._treated", lambda each: f"CAST(`{each.name}` AS string)"
        ),
        ("lines",),
    ),
    "pseudonyms": (
        lambda: patch("spark.formats.intake.pseudonymised", lambda rows, spec: rows),
        ("lines",),
    ),
    "keyed names": (
        lambda: patch(
            "spark.transforms.treatments.with_names",
            lambda batch, name: batch.drop_columns(["_typed"]),
        ),
        ("lines",),
    ),
    "hidden reasons": (
        lambda: patch("spark.transforms.staging._without_what_was_found", lambda each: each),
        ("lines",),
    ),
    "hidden records": (
        lambda: patch("spark.transforms.staging.UNRELIABLE", ("structure",)),
        ("lines",),
    ),
    "withheld messages": (
        lambda: patch("spark.jobs.clean.harmless_reason_of", str),
        ("doomed",),
    ),
    "quiet engine logs": (
        lambda: patch("resources.local.apache_spark.WITHOUT_VALUES", "%m%n%ex"),
        ("doomed",),
    ),
}


def run_without(home: Path, protection: str) -> None:
    """The tables that a protection is for, made clean without it."""
    away, tables = PROTECTIONS[protection]
    resources = _delivered(home)
    ledger = resources["ledger"].open()
    lake = resources["lake"]
    with ExitStack() as stack:
        stack.enter_context(away())
        for name in tables:
            each = CONTRACT.table(name)
            Acceptance(CONTRACT, each, ledger, lake.zone("landing"), lake.zone("raw")).accept(
                [_day()]
            )
            try:
                Cleaning(
                    CONTRACT,
                    each,
                    ledger,
                    lake,
                    resources["runner"],
                    sys.stdout.write,
                    secrets=resources["secrets"],
                ).clean([_day()])
            except Product360Error as error:
                sys.stdout.write(f"{error}\n")


def _delivered(home: Path) -> dict[str, Any]:
    """The platform's resources, with everything delivered into landing."""
    resources: dict[str, Any] = platform_resources()
    landing = resources["lake"].zone("landing")
    for path in sorted((home / "deliveries").rglob("*")):
        if path.is_file():
            key = path.relative_to(home / "deliveries").as_posix()
            landing.put(f"{CONTRACT.name}/{key}", path.read_bytes())
            path.unlink()
    return resources


def _day() -> Any:
    return landing_day(f"{DAY}/x")


def sightings(home: Path, canaries: Mapping[str, str], said: str) -> set[tuple[str, str]]:
    """(where a canary was put, where it was seen) outside of landing and raw.

    Every file is read as it lies, and as what it holds: rows of Parquet, SQLite and gzip.
    """
    names = {value: where for where, value in canaries.items()}
    spellings = {spelling: value for value in names for spelling in _spellings(value)}
    pattern = re.compile("|".join(map(re.escape, sorted(spellings, key=len, reverse=True))))
    seen = {(names[spellings[each]], "console") for each in pattern.findall(said)}
    for path in sorted(home.rglob("*")):
        place = path.relative_to(home).as_posix()
        if path.is_file() and not place.startswith(DELIVERED):
            for text in (place, *_texts(path)):
                seen |= {(names[spellings[each]], place) for each in pattern.findall(text)}
    return seen


def _spellings(value: str) -> set[str]:
    return {value, value.encode().hex(), base64.b64encode(value.encode()).decode().rstrip("=")}


def _texts(path: Path) -> Iterator[str]:
    content = path.read_bytes()
    yield content.decode("latin-1")
    if content[:4] == b"PAR1":
        yield json.dumps(pq.ParquetFile(path).read().to_pylist(), default=str)
    elif content.startswith(b"SQLite format 3"):
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        yield "\n".join(connection.iterdump())
        connection.close()
    elif content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content).decode("latin-1")


if __name__ == "__main__":
    where = Path(os.environ["PRODUCT360_HOME"])
    if len(sys.argv) > 1:
        run_without(where, sys.argv[1])
    else:
        sys.stdout.write(f"{json.dumps(run(where))}\n")
