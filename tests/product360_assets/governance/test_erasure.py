"""Erasure: nothing of a subject stays outside landing and raw, and nobody else loses a cent."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from product360_assets.clean.work import Cleaning
from product360_assets.core import erasures
from product360_assets.core.contract import SourceContract, known_contracts
from product360_assets.governance.erasure import Eraser
from product360_assets.governance.table_erasure import ERASURE
from resources.catalog import LocalCatalogResource
from resources.local.secrets import LocalSecrets
from spark.tables import TABLES
from spark.tables.curated import CUSTOMER, SALES_LINE
from spark.tables.model import View

CANARY = "canary-7f3a91"
FIRST = f"order_id,member,total\n1,a,1.10\n2,{CANARY},2.20\n3,c,3.30\n"
SECOND = f"order_id,member,total\n4,{CANARY},-4.40\n5,b,5.50\n"
LATER = f"order_id,member,total\n6,{CANARY},6.60\n7,b,7.70\n"
# Who holds a household's key, in whatever table, is declared to.
KEY_OF_A_SUBJECT = "household_id"


def eraser_of(shop: Any, tmp_path: Path, **changes: Any) -> Eraser:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return Eraser(
        "member",
        CANARY,
        {"shop": shop.contract},
        shop.ledger.open(),
        shop.lake,
        LocalCatalogResource(home=str(home)),
        LocalSecrets(path=str(tmp_path / "secrets.json")),
        **{
            "code_version": "code",
            "beside": [tmp_path / "ledger.db"],
            "rerun": lambda _: clean(shop, tmp_path),
            "log": lambda _: None,
            **changes,
        },
    )


def with_subject(contract: SourceContract, erasure: str) -> SourceContract:
    document = contract.model_dump(mode="json", exclude_defaults=True)
    column = document["tables"][0]["columns"][1]
    assert column["name"] == "member"
    column |= {"subject": "member", "erasure": erasure, "nullable": True}
    return SourceContract.model_validate(document)


def clean(shop: Any, tmp_path: Path) -> dict[str, str]:
    from reconciled import DAYS

    [table] = shop.contract.tables
    secrets = LocalSecrets(path=str(tmp_path / "secrets.json"))
    work = Cleaning(shop.contract, table, shop.ledger.open(), shop.lake, shop.runner, print)
    return replace(work, secrets=secrets).clean(DAYS).unaccounted


def deliver(shop: Any, tmp_path: Path, files: dict[str, str]) -> None:
    for key, content in files.items():
        shop.zone("landing").put(f"shop/order/{key}", content.encode())
    shop.accept()
    clean(shop, tmp_path)


@pytest.fixture
def make_known(make_shop: Callable[..., Any], tmp_path: Path) -> Callable[[str], Any]:
    """Makes a shop in which the canary bought twice; one of its rows was set aside."""

    def make(erasure: str) -> Any:
        shop = make_shop()
        shop.contract = with_subject(shop.contract, erasure)
        deliver(shop, tmp_path, {"2017-05-01/a.csv": FIRST, "2017-05-02/b.csv": SECOND})
        return shop

    return make


def sightings(shop: Any, *zones: str) -> list[str]:
    """Files in which the canary stands, by a reader of this test's own."""
    found = []
    for zone in zones:
        for path in Path(shop.zone(zone).uri.removeprefix("file://")).rglob("*"):
            if not path.is_file():
                continue
            rows = str(pq.ParquetFile(path).read().to_pylist()) if path.suffix == ".parquet" else ""
            if CANARY in rows or CANARY.encode() in path.read_bytes():
                found.append(str(path))
    return found


def test_the_subject_is_gone_but_from_landing_and_raw_and_never_comes_back(
    make_known: Callable[[str], Any], tmp_path: Path
) -> None:
    shop = make_known("remove")
    found = {(place.zone, sum(place.rows.values())) for place in eraser_of(shop, tmp_path).find()}
    assert found == {("clean", 1), ("quarantine", 1)}
    assert len(sightings(shop, "clean")) == 2

    proof = eraser_of(shop, tmp_path).erase()

    assert proof.is_clean
    assert sightings(shop, "clean") == []
    assert len(sightings(shop, "landing", "raw")) == 4, "what was delivered stays as it came"
    assert CANARY not in str(proof.document)
    assert re.fullmatch(r"h1-[0-9a-f]{64}", proof.document["subject"])
    assert len(proof.document["files removed"]) == 2
    assert proof.document["searched as text"] is True
    reconciled = shop.reconcile()
    assert reconciled.said["differences"] == 0
    assert "| shop.order | 2 |  | 5 | 3 | 2 |" in reconciled.said["tables"]

    deliver(shop, tmp_path, {"2017-05-02/late.csv": LATER})
    assert sightings(shop, "clean") == []
    assert eraser_of(shop, tmp_path).erase().document["found before"] == []


def test_an_anonymised_fact_keeps_its_value(
    make_known: Callable[[str], Any], tmp_path: Path
) -> None:
    shop = make_known("anonymise")

    assert eraser_of(shop, tmp_path).erase().is_clean

    keys = [key for key in shop.keys("clean", ".parquet") if not key.startswith("quarantine")]
    rows = [row for key in keys for row in pq.read_table(shop.path("clean", key)).to_pylist()]
    assert (2, None, Decimal("2.20")) in {(r["order_id"], r["member"], r["total"]) for r in rows}
    assert sightings(shop, "clean") == []
    assert shop.reconcile().said["differences"] == 0


def test_a_request_that_died_before_the_runs_is_in_force_and_is_finished_by_asking_again(
    make_known: Callable[[str], Any], tmp_path: Path
) -> None:
    shop = make_known("remove")

    def die(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        eraser_of(shop, tmp_path, rerun=die).erase()
    deliver(shop, tmp_path, {"2017-05-02/late.csv": LATER})
    assert len(sightings(shop, "clean")) == 2, (
        "what came later is kept out, the rest is still to do"
    )

    assert eraser_of(shop, tmp_path).erase().is_clean
    assert sightings(shop, "clean") == []


def test_a_proof_says_what_it_still_finds(make_known: Callable[[str], Any], tmp_path: Path) -> None:
    shop = make_known("remove")
    log = tmp_path / "log"
    log.write_text(f"somebody asked about {CANARY}.")

    proof = eraser_of(shop, tmp_path, rerun=lambda _: None, beside=[log]).erase()

    assert not proof.is_clean
    zones = {found["zone"] for found in proof.document["found afterwards"]}
    assert zones == {"clean", "quarantine", "log"}


def test_what_a_killed_job_left_in_staging_goes_too(
    make_known: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("spark.jobs.clean.forget", lambda *_: None)
        shop = make_known("remove")
    staged = [Path(path) for path in sightings(shop, "clean") if "/.staging-" in path]
    assert staged
    cut = staged[0].with_name("cut.parquet")
    cut.write_bytes(staged[0].read_bytes()[:-9])  # its writer died before it was whole
    found = {file for place in eraser_of(shop, tmp_path).find() for file in place.rows}
    assert [file for file in found if "/.staging-" in file]

    proof = eraser_of(shop, tmp_path).erase()

    assert proof.is_clean
    assert not cut.exists()
    assert sightings(shop, "clean") == []
    assert {f"file://{path}" for path in (cut, *staged)} < set(proof.document["files removed"])
    assert eraser_of(shop, tmp_path).erase().document["files removed"] == []


def test_a_job_that_began_before_the_request_is_not_believed(
    make_known: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_known("remove")
    shop.zone("landing").put("shop/order/2017-05-02/late.csv", LATER.encode())
    shop.accept()
    subject = eraser_of(shop, tmp_path).subject()
    runner = shop.runner.run

    def meanwhile(*args: Any, **named: Any) -> Any:
        report = runner(*args, **named)
        erasures.record_request(shop.zone("clean"), "member", subject, at="now")
        return report

    with monkeypatch.context() as patched:
        patched.setattr(type(shop.runner), "run", lambda _, *a, **k: meanwhile(*a, **k))
        [why] = clean(shop, tmp_path).values()
    assert why == "a subject was erased in the meantime; make it clean again"

    assert clean(shop, tmp_path) == {}
    assert eraser_of(shop, tmp_path).erase().is_clean
    assert sightings(shop, "clean") == []


def rows_of(table: Any, count: int) -> pa.Table:
    """Rows that differ in their key; the first two are those of household 1228."""
    values: dict[str, Callable[[int], Any]] = {
        "long": lambda n: n,
        "int": lambda n: n,
        "string": str,
        "boolean": lambda _: False,
    }
    columns = {}
    for field in table.schema().fields:
        value = values.get(str(field.field_type), lambda _: None)
        columns[field.name] = [value(n) for n in range(count)]
    columns["household_id"] = [
        1228,
        1228 if table.name()[1] == "sales_line" else 7,
        *range(2, count),
    ]
    if "sales_value" in columns:
        columns["sales_value"] = [Decimal(n) for n in range(count)]
    return pa.table(columns, schema=table.schema().as_arrow())


def test_tables_lose_the_subject_in_every_snapshot_and_no_value(
    make_known: Callable[[str], Any], tmp_path: Path
) -> None:
    shop = make_known("remove")
    catalog = LocalCatalogResource(home=str(Path(shop.lake.uri.removeprefix("file://")).parent))
    for definition in (CUSTOMER, SALES_LINE):
        catalog.ensure_table(definition)
        table = catalog.table(definition.identifier)
        table.append(rows_of(table, 5))
        table.append(rows_of(table, 3).slice(2))
    catalog.table("curated.sales_line").manage_snapshots().create_tag(
        catalog.table("curated.sales_line").metadata.snapshots[0].snapshot_id, "release"
    ).commit()
    eraser = replace(
        eraser_of(shop, tmp_path), kind="customer", key="1228", contracts={}, catalog=catalog
    )
    assert [(place.table, place.current_rows) for place in eraser.find()] == [
        ("curated.customer", 1),
        ("curated.sales_line", 2),
    ]

    proof = eraser.erase()

    assert proof.is_clean
    assert proof.document["rows changed"] == {"curated.customer": 1, "curated.sales_line": 2}
    assert proof.document["searched as text"] is False, "1228 may be any number"
    sales = catalog.table("curated.sales_line")
    left = sales.scan().to_arrow()
    assert sorted(left["sales_value"].to_pylist()) == [Decimal(n) for n in (0, 1, 2, 2, 3, 4)]
    assert left["household_id"].null_count == 2
    assert sales.current_snapshot().summary[ERASURE] == proof.document["request"]
    curated = Path(shop.zone("curated").uri.removeprefix("file://"))
    for path in curated.rglob("*.parquet"):
        assert 1228 not in pq.ParquetFile(path).read()["household_id"].to_pylist(), path
    assert eraser.erase().document["rows changed"] == {}


def test_every_column_that_holds_a_households_key_is_declared() -> None:
    delivered = [
        (f"{contract.name}.{table.name}", column.subject)
        for contract in known_contracts().values()
        for table in contract.tables
        for column in table.columns
        if column.name == KEY_OF_A_SUBJECT
    ]
    published = [
        (table.identifier, column.subject)
        for table in TABLES.values()
        if not isinstance(table, View)
        for column in table.columns
        if column.name == KEY_OF_A_SUBJECT
    ]
    assert len(delivered) > 5
    assert len(published) > 4
    assert {subject for _, subject in (*delivered, *published)} == {"customer"}
