"""The list of requests: each with how far it is, and with whoever came back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from customers import customers

from product360_assets.clean.work import ERASED
from product360_assets.core.contract import known_contracts
from product360_assets.core.erasures import (
    folder_of,
    proof_key,
    put_once,
    record_found,
    record_request,
    request_id,
)
from product360_assets.core.states import CLEAN
from product360_assets.governance.erasures import erasures_asset
from resources.catalog import LocalCatalogResource
from resources.ledger import Batch, ZoneState
from resources.local.ledger import SqliteLedgerResource
from resources.local.secrets import LocalSecrets
from resources.local.warehouse import LocalWarehouse
from resources.objects import LakeResource
from resources.treatment_keys import current_key, key_of
from spark.tables.curated import CUSTOMER
from spark.tokens import subject_hash

AT = datetime(2017, 5, 3, tzinfo=UTC)
DAY = date(2017, 5, 1)
CARRIED_OUT, CAME_BACK = "every_request_is_carried_out", "nobody_erased_came_back"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, Any]:
    """The resources of a home in which customers 1 and 3 are known."""
    catalog = LocalCatalogResource(home=str(tmp_path))
    catalog.ensure_table(CUSTOMER)
    catalog.table(CUSTOMER.identifier).append(customers(catalog, 1, 3))
    return {
        "lake": LakeResource(uri=f"file://{tmp_path}/lake"),
        "ledger": SqliteLedgerResource(path=str(tmp_path / "ledger.db")),
        "catalog": catalog,
        "warehouse": LocalWarehouse(catalog=catalog),
        "secrets": LocalSecrets(path=str(tmp_path / "secrets.json")),
    }


def asked(home: dict[str, Any]) -> str:
    """The keyed hash of customer 1228, who asked to be erased and was found in one batch."""
    key = current_key(home["secrets"])
    master = key_of(home["secrets"], key.version)
    subject = subject_hash(master, key.version, "customer")("1228")
    record_request(home["lake"].zone("clean"), "customer", subject, at=AT.isoformat())
    record_found(home["lake"].zone("clean"), "customer", subject, ["b1"])
    return subject


def clean_again(home: dict[str, Any], subject: str) -> None:
    ledger = home["ledger"].open()
    ledger.open_batch(Batch("b1", "crm", "household", DAY, "pull", "0", ()))
    details = {ERASED: request_id(subject)}
    numbers = (1, 0, 1, "", "unit", "code", "config", None, AT, details)
    ledger.record_zone(ZoneState("b1", CLEAN, *numbers), replacing=None)


def proven(home: dict[str, Any], subject: str, *found: dict[str, str], hour: int) -> None:
    key = proof_key(folder_of("customer", subject), AT.replace(hour=hour))
    put_once(home["lake"].zone("clean"), key, {"found afterwards": list(found)})


def listed(home: dict[str, Any]) -> tuple[str, dict[str, dg.AssetCheckEvaluation]]:
    result = dg.materialize([erasures_asset(list(known_contracts().values()))], resources=home)
    [event] = result.asset_materializations_for_node("governance__erasures")
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    return str(event.metadata["states"].value), checks


def test_a_request_is_begun_until_its_batches_are_clean_and_a_search_finds_nothing(
    home: dict[str, Any],
) -> None:
    subject = asked(home)
    states, checks = listed(home)
    assert f"| {request_id(subject)} | customer | {AT.isoformat()} | begun | 1 | 0 |" in states
    assert not checks[CARRIED_OUT].passed
    assert "1228" not in states

    proven(home, subject, hour=1)
    assert "| begun | 1 | 1 |" in listed(home)[0], "a proof of before does not speak for a batch"

    clean_again(home, subject)
    states, checks = listed(home)
    assert "| carried out | 0 | 1 |" in states
    assert checks[CARRIED_OUT].passed

    proven(home, subject, {"zone": "clean"}, hour=2)
    states, checks = listed(home)
    assert "| found something | 0 | 2 |" in states
    assert checks[CARRIED_OUT].metadata["to be asked for again"].value == [request_id(subject)]


def test_who_comes_back_is_found_although_only_a_hash_of_them_is_kept(
    home: dict[str, Any],
) -> None:
    subject = asked(home)
    assert listed(home)[1][CAME_BACK].passed

    home["catalog"].table(CUSTOMER.identifier).append(customers(home["catalog"], 1228))

    check = listed(home)[1][CAME_BACK]
    assert not check.passed
    found = check.metadata["found again"].value
    assert found == [f"{request_id(subject)} in {CUSTOMER.identifier}"]


def test_without_requests_there_is_nothing_to_say_and_no_key_is_needed(
    home: dict[str, Any], tmp_path: Path
) -> None:
    _, checks = listed(home)

    assert checks[CARRIED_OUT].passed
    assert checks[CAME_BACK].passed
    assert not (tmp_path / "secrets.json").exists()
