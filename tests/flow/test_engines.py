"""Both engines end with the same rows in every table."""

from __future__ import annotations

from decimal import Decimal

import pytest
from lineage import Lineage

pytestmark = pytest.mark.flow


# Each job is compared in tests/spark/parity; here, the whole lineage.
@pytest.mark.spark
@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_sail_and_apache_spark_publish_the_same_rows(sail: Lineage, spark: Lineage) -> None:
    assert sail.tables() == spark.tables()
    assert sail.digests() == spark.digests()


def test_the_digest_sees_a_difference_of_one_cent(sail: Lineage) -> None:
    # The comparison above would pass on digests that see nothing.
    import pyarrow as pa

    from resources.digests import content_digest

    lines = sail.resources()["catalog"].table("curated.sales_line").scan().to_arrow()
    (first,) = lines.slice(0, 1).to_pylist()
    dearer = {**first, "sales_value": first["sales_value"] + Decimal("0.01")}
    changed = pa.concat_tables([pa.Table.from_pylist([dearer], lines.schema), lines.slice(1)])
    assert content_digest(changed.to_reader()) != content_digest(lines.to_reader())
