"""Brings `product_360` up to date as of one day, or makes it whole where that cannot be done.

What is touched since is found first: by rows of the inputs that are new or gone, and by the day,
which moves every window. Only these products are told anew, from all that their inputs hold of
them. While the day stands, only rows that differ are written; on another day all are, as each says
as of when it is. Where most products are touched, all are made.

The hazard is the first sale of all, which says from when on weeks count, for every product: where
that may have moved, everything has.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from spark.changes import changed_rows
from spark.days import day_of
from spark.derived import publish_derived, report_anew
from spark.io import union
from spark.publishing import merge_few, replace_rows
from spark.tables.curated import INTERACTION, PRODUCT, PRODUCT_360, PRODUCT_WEEK, SALES_LINE
from spark.transforms.product_360 import Inputs, brought_up_to_date, product_360
from spark.transforms.product_360_touched import touched_by_contacts, touched_by_the_day

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pyspark.sql import DataFrame, Row, SparkSession

    from spark.report import Report

INPUTS = [PRODUCT, SALES_LINE, PRODUCT_WEEK, INTERACTION]
# Beyond this share of the products it is no cheaper than to make all of them.
MOST = 0.2
# Of more rows the job does not hold on to, and replacing all is no dearer than a merge.
FEW = 5_000
# What a report calls their number.
ANEW = "products made anew"


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Make the target say what is so of the products as of the spec's day, in one commit."""
    touched = _touched(session, spec) if "since" in spec else None
    if touched is None:
        made = partial(product_360, windows=spec["windows"])
        publish_derived(session, spec, report, PRODUCT_360, INPUTS, made)
        return
    inputs, held = _inputs(session, spec), session.table(spec["target"])
    ids = session.createDataFrame([(each,) for each in touched], "product_id bigint")
    rows, others = brought_up_to_date(held, ids, inputs, day_of(spec), spec["windows"])
    differing = _few_that_differ(rows, held) if day_of(spec) == day_of(spec["since"]) else None
    if differing is None:
        replace_rows(session, rows.unionAll(others), PRODUCT_360, spec["target"])
    else:
        gone = ids.join(inputs.products, on="product_id", how="left_anti")
        merge_few(session, differing, PRODUCT_360, spec["target"], gone)
    report_anew(report, PRODUCT_360, ANEW, len(touched))


def _touched(session: SparkSession, spec: Mapping[str, Any]) -> list[int] | None:
    """The products to be told anew; None for all of them."""
    products, lines, weeks, interactions = _inputs(session, spec)
    changed = {
        each: changed_rows(session, spec["since"]["inputs"][each.identifier], each)
        for each in INPUTS
    }
    sold = _earliest_by_product(changed[SALES_LINE])
    if sold and _moves_the_beginning(lines, min(sold.values())):
        return None
    held = session.table(spec["target"])
    days = day_of(spec["since"]), day_of(spec)
    frames = [
        changed[PRODUCT].select("product_id"),
        changed[PRODUCT_WEEK].select("product_id"),
        touched_by_contacts(changed[INTERACTION], interactions),
        *touched_by_the_day(held, lines, weeks, interactions, days, spec["windows"]),
    ]
    found = union(frames).where("product_id IS NOT NULL").distinct().collect()
    touched = {int(row["product_id"]) for row in found} | sold.keys()
    return None if len(touched) > MOST * products.count() else sorted(touched)


def _few_that_differ(rows: DataFrame, held: DataFrame) -> list[Row] | None:
    """The rows that the table does not hold as they are; None if they are many."""
    found = rows.subtract(held.select(*PRODUCT_360.column_names)).limit(FEW + 1).collect()
    return found if len(found) <= FEW else None


def _inputs(session: SparkSession, spec: Mapping[str, Any]) -> Inputs:
    return Inputs(*(session.table(spec["inputs"][each.identifier]) for each in INPUTS))


def _earliest_by_product(lines: DataFrame) -> dict[int, date]:
    """The earliest day of each product's lines; lines without a day count nowhere."""
    days = lines.where("product_id IS NOT NULL AND business_date IS NOT NULL")
    found = days.groupBy("product_id").agg(F.min("business_date").alias("day")).collect()
    return {int(row["product_id"]): row["day"] for row in found}


def _moves_the_beginning(lines: DataFrame, changed: date) -> bool:
    """Whether the first sale of all may be another one since lines of this day changed."""
    ((first,),) = lines.agg(F.min("business_date")).collect()
    return first is None or changed <= first
