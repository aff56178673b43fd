"""`product_360`, brought up to date day by day, is what it would be if it were made whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from changing_products import Shop, roll_back

from product360_assets.curated.derive import Derivation, Deriver
from product360_assets.curated.since import Since, since
from resources.audit_branches import AuditBranch
from resources.catalog import LocalCatalogResource
from resources.local import engines
from resources.local.engines import Lease
from spark.jobs import product_360
from spark.session import open_session
from spark.tables.curated import PRODUCT_360, WINDOW_DAYS

WHOLE = replace(PRODUCT_360, name="product_360_whole")
UPSTREAM = tuple(table.identifier for table in product_360.INPUTS)


@dataclass
class Keeper:
    """Publishes `product_360` as its asset does, and makes it whole beside that."""

    lease: Lease
    catalog: LocalCatalogResource
    shop: Shop
    said: list[str] = field(default_factory=list)
    anew: list[int | None] = field(default_factory=list)

    def keep(self, code: str = "1") -> str:
        """Publish; adds how many products were made anew, None for all, to `anew`."""
        derivation = Derivation(PRODUCT_360, UPSTREAM, self.shop.day, code, {}, is_kept=True)
        return Deriver(self.catalog, self.said.append, "run-1").derive(derivation, self._write)

    def _write(self, properties: Mapping[str, str], branch: AuditBranch) -> None:
        changed = since(self.catalog, branch, properties)
        more = {"since": changed.document()} if isinstance(changed, Since) else {}
        with self.lease.bridge.stamp(properties, branch=branch):
            details = self._run(f"lake.{PRODUCT_360.identifier}", **more)
        anew = details.get(product_360.ANEW)
        self.anew.append(None if anew is None else int(anew))

    def digests(self) -> tuple[str, str]:
        """Of the table as it is kept, and made whole."""
        self.catalog.ensure_table(WHOLE)
        self._run(f"lake.{WHOLE.identifier}")
        return self.catalog.digest(PRODUCT_360.identifier), self.catalog.digest(WHOLE.identifier)

    def _run(self, target: str, **more: object) -> dict[str, str]:
        found: list[Any] = []

        class Report:
            results = staticmethod(found.extend)

        spec = {
            "inputs": {name: f"lake.{name}" for name in UPSTREAM},
            "as_of_date": self.shop.day.isoformat(),
            "windows": list(WINDOW_DAYS),
            "target": target,
        }
        product_360.run(open_session(), {**spec, **more}, Report())  # type: ignore[arg-type]
        details: dict[str, str] = found[0]["details"]
        return details


@pytest.fixture
def sail(tmp_path: Path) -> Iterator[Lease]:
    with engines.lease_engine("sail", home=tmp_path) as lease:
        yield lease


def keeper(lease: Lease, home: Path, seed: int) -> Keeper:
    catalog = LocalCatalogResource(home=str(home))
    return Keeper(lease, catalog, Shop(catalog, seed))


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))]
)
def test_after_each_day_it_is_what_it_would_be_if_it_were_made_whole(
    sail: Lease, tmp_path: Path, seed: int
) -> None:
    kept = keeper(sail, tmp_path, seed)
    kept.keep()
    for events in kept.shop.events():
        for event in events:
            event()
        assert kept.keep() == "published"
        as_kept, whole = kept.digests()
        assert as_kept == whole, [event.__name__ for event in events]
    first, *later = kept.anew
    assert first is None
    # What came again changed nothing; the first sale of all moved everything.
    assert [number for number, made in enumerate(later) if made == 0] == [3]
    assert [number for number, made in enumerate(later) if made is None] == [8]


@pytest.mark.long
@pytest.mark.spark
def test_apache_spark_keeps_it_as_well(tmp_path: Path) -> None:
    with engines.lease_engine("spark", home=tmp_path) as lease:
        kept = keeper(lease, tmp_path, seed=1)
        kept.keep()
        for events in kept.shop.events()[:3]:
            for event in events:
                event()
            kept.keep()
        as_kept, whole = kept.digests()
    engines.stop_engine()
    assert as_kept == whole
    assert None not in kept.anew[1:]


def test_a_table_that_was_rolled_back_is_brought_up_to_date_from_what_it_is_then(
    sail: Lease, tmp_path: Path
) -> None:
    kept = keeper(sail, tmp_path, seed=1)
    for event in (kept.shop.contact, kept.shop.sell, kept.shop.pass_days):
        kept.keep()
        event()
    roll_back(kept.catalog, PRODUCT_360, 2)
    assert kept.keep() == "published"
    assert kept.anew[-1] is not None
    as_kept, whole = kept.digests()
    assert as_kept == whole


def test_without_the_day_windows_would_stand_still(
    sail: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keeper(sail, tmp_path, seed=1)
    kept.keep()
    monkeypatch.setattr(product_360, "touched_by_the_day", lambda *_: [])
    kept.shop.pass_a_week()
    kept.keep()
    as_kept, whole = kept.digests()
    assert as_kept != whole
