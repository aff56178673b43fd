"""`product_360`, brought up to date day by day, is what it would be if it were made whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from changing_products import Shop, roll_back
from kept_table import KeptTable

from resources.catalog import LocalCatalogResource
from resources.local import engines
from resources.local.engines import Lease
from spark.jobs import product_360
from spark.tables.curated import PRODUCT_360, WINDOW_DAYS


@pytest.fixture
def sail(tmp_path: Path) -> Iterator[Lease]:
    with engines.lease_engine("sail", home=tmp_path) as lease:
        yield lease


class Keeper(KeptTable):
    """Keeps `product_360` of a shop, as of the shop's day."""

    shop: Shop

    def keep_today(self) -> str:
        """See `KeptTable.keep`."""
        return self.keep(self.shop.day)

    def digests_today(self) -> tuple[str, str]:
        """See `KeptTable.digests`."""
        return self.digests(self.shop.day)


def keeper(lease: Lease, home: Path, seed: int) -> Keeper:
    catalog, more = LocalCatalogResource(home=str(home)), {"windows": list(WINDOW_DAYS)}
    made = Keeper(lease, catalog, PRODUCT_360, product_360, tuple(product_360.INPUTS), more)
    made.shop = Shop(catalog, seed)
    return made


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))]
)
def test_after_each_day_it_is_what_it_would_be_if_it_were_made_whole(
    sail: Lease, tmp_path: Path, seed: int
) -> None:
    kept = keeper(sail, tmp_path, seed)
    kept.keep_today()
    for events in kept.shop.events():
        for event in events:
            event()
        assert kept.keep_today() == "published"
        as_kept, whole = kept.digests_today()
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
        kept.keep_today()
        for events in kept.shop.events()[:3]:
            for event in events:
                event()
            kept.keep_today()
        as_kept, whole = kept.digests_today()
    engines.stop_engine()
    assert as_kept == whole
    assert None not in kept.anew[1:]


def test_a_table_that_was_rolled_back_is_brought_up_to_date_from_what_it_is_then(
    sail: Lease, tmp_path: Path
) -> None:
    kept = keeper(sail, tmp_path, seed=1)
    for event in (kept.shop.contact, kept.shop.sell, kept.shop.pass_days):
        kept.keep_today()
        event()
    roll_back(kept.catalog, PRODUCT_360, 2)
    assert kept.keep_today() == "published"
    assert kept.anew[-1] is not None
    as_kept, whole = kept.digests_today()
    assert as_kept == whole


def test_without_the_day_windows_would_stand_still(
    sail: Lease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keeper(sail, tmp_path, seed=1)
    kept.keep_today()
    monkeypatch.setattr(product_360, "touched_by_the_day", lambda *_: [])
    kept.shop.pass_a_week()
    kept.keep_today()
    as_kept, whole = kept.digests_today()
    assert as_kept != whole
