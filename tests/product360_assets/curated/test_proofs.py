"""A claim that held is asked again only of other data, of old data, or when it did not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from counting import CountingWarehouse

from product360_assets.curated.claims import Claim
from product360_assets.curated.pending import Input
from product360_assets.curated.proofs import PROOF, PROVED_AT, Evidence, last_result, standing
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import CUSTOMER, PRODUCT
from spark.tables.serving import PRODUCT_360_OUTLOOK

FEW = Claim(
    "there_are_few",
    "Many would be strange.",
    f"SELECT count(*) < 3 AS holds, count(*) AS rows FROM {PRODUCT.identifier}",
    clean=(Input("catalog", "product"),),
)
KEY = dg.AssetCheckKey(dg.AssetKey(["curated", "product"]), FEW.name)


class Table:
    """A published table of products, and the history of its checks."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        self.instance = dg.DagsterInstance.ephemeral()
        self.warehouse = CountingWarehouse(catalog=shop.catalog)
        shop.deliver("catalog.product", PRODUCT, {"product_id": 0})

    def hold(self, number: int) -> None:
        self.shop.fill(PRODUCT, *({"product_id": each} for each in range(number)))

    def check(self, claim: Claim = FEW) -> tuple[bool, bool]:
        """Whether the claim holds, and whether it was asked."""
        asked = len(self.warehouse.asked)
        checks = table_checks(PRODUCT, [claim])
        result = dg.materialize(
            [checks],
            instance=self.instance,
            selection=dg.AssetSelection.checks(KEY),
            raise_on_error=False,
            resources={
                "warehouse": dg.ResourceDefinition.hardcoded_resource(self.warehouse),
                "ledger": self.shop.ledger,
                "lake": self.shop.lake,
                "catalog": self.shop.catalog,
            },
        )
        [evaluation] = result.get_asset_check_evaluations()
        assert evaluation.metadata["rows"].value == self.shop.catalog.row_count(PRODUCT.identifier)
        return evaluation.passed, len(self.warehouse.asked) > asked


@pytest.fixture
def table(shop: Any) -> Table:
    return Table(shop)


def test_what_held_is_not_asked_again_of_the_same_snapshots(table: Table) -> None:
    table.hold(2)
    assert [table.check() for _ in range(3)] == [(True, True), (True, False), (True, False)]


def test_another_snapshot_another_batch_or_another_question_is_asked(table: Table) -> None:
    table.hold(2)
    table.check()
    table.hold(1)
    assert table.check() == (True, True)
    table.shop.deliver("catalog.product", PRODUCT, {"product_id": 1})
    assert table.check() == (True, True)
    other = Claim(FEW.name, FEW.why, FEW.sql.replace("< 3", "< 2"), clean=FEW.clean)
    assert table.check(other) == (True, True)


def test_what_did_not_hold_is_asked_every_time(table: Table) -> None:
    table.hold(3)
    assert [table.check() for _ in range(2)] == [(False, True), (False, True)]


def test_a_proof_stands_for_a_week(table: Table) -> None:
    table.hold(2)
    table.check()
    record = table.instance.get_latest_asset_check_evaluation_record(KEY)
    assert record is not None
    assert record.event is not None
    said = record.event.asset_check_evaluation
    assert said is not None
    at = datetime.fromisoformat(str(said.metadata[PROVED_AT].value))
    last = last_result(table.instance, KEY)
    proof = standing(last, now=at + timedelta(days=7))
    assert proof is not None
    assert proof.evidence == said.metadata[PROOF].value
    assert standing(last, now=at + timedelta(days=7, seconds=1)) is None


def test_a_check_that_was_never_made_proves_nothing(table: Table) -> None:
    assert last_result(table.instance, KEY) is None
    assert standing(None, now=datetime.now(UTC)) is None


def test_evidence_follows_names_without_a_zone_and_views(shop: Any) -> None:
    questions = [
        "SELECT 1",
        "SELECT count(*) FROM product",
        "SELECT count(*) FROM Curated.PRODUCT",
        f"FROM {CUSTOMER.identifier} JOIN curated.product USING (product_id)",
    ]
    for published in (PRODUCT, CUSTOMER, *PRODUCT_360_OUTLOOK.reads):
        shop.fill(published)
    before = [Evidence(shop.catalog).of(sql) for sql in questions]
    shop.fill(PRODUCT, {"product_id": 1})
    after = [Evidence(shop.catalog).of(sql) for sql in questions]
    assert [one == other for one, other in zip(before, after, strict=True)] == [
        True,
        False,
        False,
        False,
    ]

    outlook = f"FROM {PRODUCT_360_OUTLOOK.identifier}"
    seen = Evidence(shop.catalog).of(outlook)
    shop.fill(PRODUCT_360_OUTLOOK.reads[0])
    assert Evidence(shop.catalog).of(outlook) != seen
