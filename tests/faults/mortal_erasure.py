"""Erasing a customer, as work that dies: what is left of them in the end, and what others lose."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from mortal_work import DAYS, SHOP, Delivered, Stage, accept, clean
from mortality import Mortality, mortal_ledger
from pyiceberg.io.pyarrow import PyArrowFileIO

from product360_assets.clean.work import Cleaning
from product360_assets.core.contract import SourceContract
from product360_assets.governance.erasure import Eraser
from resources.catalog import LocalCatalogResource
from resources.local.ledger import SqliteLedger
from resources.local.runner import LocalJobRunner
from resources.local.secrets import LocalSecrets
from resources.local.sql_catalog import LocalSqlCatalog
from resources.objects import LakeResource
from spark.tables import Table
from spark.tables.curated import CUSTOMER, SALES_LINE

ERASED, OTHERS = 1228, (1, 7, 9)
VALUES = [Decimal(number) for number in (1, 2, 4, 8)]
EMPTY: dict[str, Any] = {"string": "b", "boolean": False, "long": 0, "int": 0}


def _with_customers() -> SourceContract:
    document = SHOP.model_dump(mode="json", exclude_defaults=True)
    column = {"name": "household_id", "type": "bigint", "description": "Who ordered."}
    document["tables"][0]["columns"].append({**column, "subject": "customer"})
    return SourceContract.model_validate(document)


HEADER = "order_id,total,household_id\n"
ORDERS = {
    "2017-05-01/till.csv": f"{HEADER}1,1.10,7\n2,2.20,{ERASED}\nx,3,{ERASED}\n",
    "2017-05-08/till.csv": f"{HEADER}3,4.40,{ERASED}\n4,5.50,9\n",
}


def erase(home: Path, delivered: Delivered, mortality: Mortality) -> None:
    """Erase the customer from clean, with a real engine, and from published tables."""
    _erase(home, mortality, delivered.contract)


def erase_tables(home: Path, _: Delivered, mortality: Mortality) -> None:
    """Erase the customer from published tables; no source tells of customers."""
    _erase(home, mortality, None)


def _erase(home: Path, mortality: Mortality, contract: SourceContract | None) -> None:
    ledger = mortal_ledger(SqliteLedger(home / "ledger.db"), mortality)
    lake = LakeResource(uri=f"file://{home}/lake")
    catalog = LocalCatalogResource(home=str(home))
    secrets = LocalSecrets(path=str(home / "secrets.json"))
    _fill(catalog)
    _count_commits_and_deletes(mortality)

    def clean_again(_: object) -> None:
        if contract is None:
            return
        [table] = contract.tables
        work = Cleaning(contract, table, ledger, lake, LocalJobRunner(home=str(home)), print)
        assert replace(work, secrets=secrets).clean(DAYS).unaccounted == {}

    contracts = {contract.name: contract} if contract else {}
    ports = (ledger, lake, catalog, secrets)
    eraser = Eraser(
        "customer", str(ERASED), contracts, *ports, "code", [], rerun=clean_again, log=print
    )
    proof = eraser.erase()
    assert proof.is_clean, proof.document["found afterwards"]


def _fill(catalog: LocalCatalogResource) -> None:
    """Two commits to each table; the erased customer is in both, and the first one has a tag."""
    for table in (CUSTOMER, SALES_LINE):
        catalog.ensure_table(table)
        if catalog.table(table.identifier).current_snapshot() is not None:
            continue
        made = catalog.table(table.identifier)
        made.append(_rows(catalog, table, [ERASED, OTHERS[0]], VALUES[:2]))
        made.append(_rows(catalog, table, [ERASED, OTHERS[1]], VALUES[2:]))
        first = made.metadata.snapshots[0].snapshot_id
        made.manage_snapshots().create_tag(first, "release").commit()


def _rows(
    catalog: LocalCatalogResource, table: Table, households: list[int], values: list[Decimal]
) -> pa.Table:
    schema = catalog.table(table.identifier).schema()
    columns: dict[str, Any] = {
        field.name: [EMPTY.get(str(field.field_type)) if field.required else None] * len(values)
        for field in schema.fields
    }
    known = {
        "household_id": households,
        "sales_value": values,
        "product_id": list(map(int, values)),
    }
    columns |= {name: column for name, column in known.items() if name in columns}
    return pa.table(columns, schema=schema.as_arrow())


def _count_commits_and_deletes(mortality: Mortality) -> None:
    commit = mortality.around("table.commit", LocalSqlCatalog.commit_table)
    LocalSqlCatalog.commit_table = commit  # type: ignore[method-assign]
    delete = mortality.before("file.delete", PyArrowFileIO.delete)
    PyArrowFileIO.delete = delete  # type: ignore[method-assign]


def left(home: Path, delivered: Delivered) -> dict[str, Any]:
    """What is there in the end: of the tables, and of whoever stands in any Parquet file."""
    catalog = LocalCatalogResource(home=str(home))
    customers = catalog.table(CUSTOMER.identifier).scan().to_arrow()
    sales = catalog.table(SALES_LINE.identifier).scan().to_arrow()
    paid = zip(sales["sales_value"].to_pylist(), sales["household_id"].to_pylist(), strict=True)
    return {
        "customers": sorted(customers["household_id"].to_pylist()),
        "sales": sorted(paid),
        "tags": [sorted(catalog.table(each.identifier).refs()) for each in (CUSTOMER, SALES_LINE)],
        "files with the erased": [
            str(path.relative_to(home))
            for zone in ("clean", "curated")
            for path in sorted((home / "lake" / zone).rglob("*.parquet"))
            if ERASED in _households(path)
        ],
        "clean": sorted(str(_households(path)) for path in _clean_files(home, delivered)),
    }


def seen(home: Path, _: Delivered) -> str | None:
    """Every sale with its value and every other customer is there, whatever died."""
    catalog = LocalCatalogResource(home=str(home))
    if not (home / "lake" / "clean" / "erasures").exists():
        return None  # it died before it was asked for
    try:
        sales = catalog.table(SALES_LINE.identifier).scan().to_arrow()
        customers = catalog.table(CUSTOMER.identifier).scan().to_arrow()
    except OSError as error:
        return f"a table names a file that is gone: {error}"
    if sorted(sales["sales_value"].to_pylist()) != VALUES:
        return "sales are not what they were"
    others = sorted(key for key in customers["household_id"].to_pylist() if key != ERASED)
    return None if others == list(OTHERS[:2]) else f"customers are {others}"


def _clean_files(home: Path, delivered: Delivered) -> list[Path]:
    return sorted((home / "lake" / "clean" / "/".join(delivered.name)).rglob("*.parquet"))


def _households(path: Path) -> list[int | None]:
    rows = pq.ParquetFile(path).read()
    if "household_id" in rows.column_names:
        return sorted(rows["household_id"].to_pylist(), key=str)
    return [ERASED for text in rows["raw_text"].to_pylist() if str(ERASED) in (text or "")]


_ORDERED = Delivered(_with_customers(), "order", ORDERS)
ERASING = {
    "erase": Stage(erase, _ORDERED, after=(accept, clean), left=left, seen=seen),
    "erase-tables": Stage(erase_tables, _ORDERED, left=left, seen=seen),
}
