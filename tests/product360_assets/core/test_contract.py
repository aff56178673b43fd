"""The contract model refuses what contradicts itself, and says where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from product360_assets.core.contract import SourceContract, load_contracts, read_contract
from resources.errors import ContractInvalid

TABLE: dict[str, Any] = {
    "name": "order",
    "description": "Orders.",
    "format": "csv",
    "key": ["order_id"],
    "cadence": "daily",
    "freshness_hours": 24,
    "columns": [
        {"name": "order_id", "type": "bigint", "description": "Order."},
        {"name": "total", "type": "decimal(12,2)", "description": "Euros.", "nullable": True},
    ],
}
SHOP: dict[str, Any] = {
    "name": "shop",
    "kind": "files",
    "description": "A shop.",
    "owners": ["team:shop"],
    "tables": [TABLE],
}


def contract(**changes: object) -> SourceContract:
    return SourceContract.model_validate({**SHOP, **changes})


def table(**changes: object) -> SourceContract:
    return contract(tables=[{**TABLE, **changes}])


def column(**changes: object) -> SourceContract:
    first, second = TABLE["columns"]
    return table(columns=[{**first, **changes}, second])


def test_a_contract_is_read_as_it_is_written() -> None:
    shop = contract(time_zone="Europe/Paris")

    assert shop.table("order").key == ("order_id",)
    assert shop.table("order").columns[0].delivered_name == "order_id"
    assert shop.table("order").delivered_name == "order"
    with pytest.raises(KeyError, match="no table 'invoice'"):
        shop.table("invoice")


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (lambda: contract(nmae="x"), "Extra inputs are not permitted"),
        (lambda: contract(kind="ftp"), "database"),
        (lambda: contract(owners=["somebody"]), "should match pattern"),
        (lambda: contract(time_zone="Europe/Pariss"), "no IANA time zone"),
        (lambda: contract(kind="database"), "needs a `connection`"),
        (lambda: contract(tables=[TABLE, TABLE]), "table 'order' is declared twice"),
        (lambda: table(key=["id"]), "key names 'id', which is not a column"),
        (lambda: table(order="at"), "order names 'at', which is not a column"),
        (lambda: table(key=["total"]), "key column 'total' may not be nullable"),
        (lambda: table(columns=TABLE["columns"] * 2), "column 'order_id' is declared twice"),
        (lambda: column(type="varchar"), "should match pattern"),
        (lambda: column(type="decimal(39,2)"), "should match pattern"),
        (lambda: column(sensitivity="secret"), "personal"),
        (lambda: column(name="Order ID"), "should match pattern"),
        (lambda: table(stream="clicks"), "has a `stream`, which needs kind stream"),
        (lambda: contract(kind="stream", tables=[{**TABLE, "stream": "s"}]), "and format json"),
        (lambda: table(stream=".hidden"), "should match pattern"),
        (lambda: table(stream="a/b"), "should match pattern"),
        (
            lambda: table(rules=[{"name": "r", "expression": "true", "action": "warn"}]),
            "why",
        ),
    ],
)
def test_a_contradiction_is_refused(made: Any, complaint: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made()
    assert complaint in str(caught.value)


def test_the_config_version_follows_what_can_change_a_row() -> None:
    before = contract().config_version("order")

    assert column(type="string").config_version("order") != before
    assert column(allowed=["1"]).config_version("order") != before
    assert table(unique={"action": "warn", "why": "w"}).config_version("order") != before
    assert contract(time_zone="Europe/Paris").config_version("order") != before
    rule = {"name": "r", "expression": "total > 0", "action": "warn", "why": "w"}
    with_rule = table(rules=[rule]).config_version("order")
    assert with_rule != before
    assert table(rules=[{**rule, "action": "halt"}]).config_version("order") != with_rule


def test_the_config_version_ignores_words() -> None:
    before = contract().config_version("order")

    assert column(description="Better words.").config_version("order") == before
    assert column(sensitivity="personal").config_version("order") == before
    assert table(description="Better words.").config_version("order") == before
    assert contract(owners=["team:other"]).config_version("order") == before
    read = {**TABLE, "format": "json"}
    delivered = contract(kind="stream", tables=[read]).config_version("order")
    straight = contract(kind="stream", tables=[{**read, "stream": "orders"}])
    assert straight.config_version("order") == delivered


def written(folder: Path, system: str, attributes: dict[str, Any]) -> Path:
    path = folder / system / "defs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump({"type": "x", "attributes": attributes}, sort_keys=False))
    return path


def test_contracts_are_found_by_name_in_a_folder_of_systems(tmp_path: Path) -> None:
    written(tmp_path, "shop", SHOP)
    written(tmp_path, "web", {**SHOP, "name": "web"})

    assert sorted(load_contracts(tmp_path)) == ["shop", "web"]


def test_two_systems_of_one_name_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "shop", SHOP)
    written(tmp_path, "shop_again", SHOP)

    with pytest.raises(ContractInvalid, match="a second source called 'shop'"):
        load_contracts(tmp_path)


def test_a_mistake_is_reported_with_file_and_line(tmp_path: Path) -> None:
    path = written(tmp_path, "shop", {**SHOP, "tables": [{**TABLE, "format": "xml"}]})
    line = next(
        number
        for number, text in enumerate(path.read_text().splitlines(), start=1)
        if "xml" in text
    )

    with pytest.raises(ContractInvalid) as caught:
        read_contract(path)
    assert caught.value.thing == f"{path}:{line}"
    assert "tables.0.format" in caught.value.found
