"""Both engines end with the same rows in every table."""

from __future__ import annotations

import pytest
from lineage import Lineage

pytestmark = [pytest.mark.flow, pytest.mark.spark]


def test_sail_and_apache_spark_publish_the_same_rows(sail: Lineage, spark: Lineage) -> None:
    assert sail.tables() == spark.tables()
    assert sail.digests() == spark.digests()


def test_the_digest_sees_a_difference_of_one_cent(sail: Lineage) -> None:
    # The comparison above would pass on digests that see nothing.
    import pyarrow as pa
    import pyarrow.compute as pc

    from resources.digests import content_digest

    lines = sail.resources()["catalog"].table("curated.sales_line").scan().to_arrow()
    value = lines["sales_value"].combine_chunks()
    cent = pa.scalar(1, pa.int64()).cast(pa.decimal128(12, 2))
    cent = pc.divide(cent, pa.scalar(100, pa.int64()).cast(pa.decimal128(5, 0))).cast(value.type)
    first = pc.add(value[0], cent).cast(value.type)
    changed = pa.concat_arrays([pa.array([first.as_py()], value.type), value.slice(1)])
    other = lines.set_column(lines.column_names.index("sales_value"), "sales_value", changed)
    assert content_digest(lines.to_reader()) != content_digest(other.to_reader())
