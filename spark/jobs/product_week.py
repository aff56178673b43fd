"""Brings `product_week` up to date as of one day, or makes it whole where that cannot be done.

A row tells of one product in one week, so it is enough to make the weeks anew of which any source
has changed, and those that were closed since. Each is made of all that the sources hold of it.

The hazard is what has no week. Whether a product is fuel counts in all of them, so that makes all;
an offer counts in the weeks in which its coupon was used; a bot's visit in those that it lasted.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from spark.changes import changed_days, changed_rows
from spark.days import A_DAY, day_of, is_within
from spark.derived import publish_derived, report_anew
from spark.io import union
from spark.publishing import replace_keys
from spark.tables.curated import (
    CLICK_EVENT,
    CLICK_SESSION,
    INTERACTION,
    PRICE_WEEK,
    PRODUCT,
    PRODUCT_WEEK,
    PROMOTION_WEEK,
    SALES_LINE,
)
from spark.tables.curated.interaction import OFFER, REDEMPTION
from spark.transforms.business_week import last_closed_week, monday_of
from spark.transforms.product_week import clicked, priced, product_week, promoted, redeemed, sold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pyspark.sql import DataFrame, SparkSession

    from spark.report import Report
    from spark.tables import Table

INPUTS = (
    PRODUCT,
    SALES_LINE,
    PRICE_WEEK,
    PROMOTION_WEEK,
    INTERACTION,
    CLICK_EVENT,
    CLICK_SESSION,
)
# By which day a source's row is in a week, and what of it counts there.
_DAYS = {SALES_LINE: "business_date", CLICK_EVENT: "event_date"}
_USED_ON, _WEEK = "interaction_date", "week_start"
_COUNTED = {
    SALES_LINE: (
        *("product_id", "basket_id", "household_id", "store_id", "units", "sales_value"),
        *("retail_discount", "coupon_discount", "coupon_match_discount", "business_date"),
    ),
    PRICE_WEEK: ("product_id", "shelf_price", "loyalty_price"),
    PROMOTION_WEEK: ("product_id", "store_id", "is_on_display", "is_in_mailer"),
    CLICK_EVENT: ("product_id", "visitor_id", "event_time", "event_type", "event_date"),
}
_VISIT = ("visitor_id", "started_at", "ended_at", "session_date", "is_bot")
# A quarter, and what the job may hold on to: of more, all weeks are made.
MOST_WEEKS, MOST_BOTS = 13, 1_000
WEEK = timedelta(days=7)
# What a report calls their number.
ANEW = "weeks made anew"


def run(session: SparkSession, spec: dict[str, Any], report: Report) -> None:
    """Make the target all weeks that are closed on the spec's day, in one commit."""
    weeks = _touched(session, spec) if "since" in spec else None
    if weeks is None:
        publish_derived(
            session, spec, report, PRODUCT_WEEK, INPUTS, lambda *of: _weeks(of[:-1], of[-1])
        )
        return
    keys = session.createDataFrame([(each,) for each in weeks], f"{_WEEK} date")
    read = {each: session.table(spec["inputs"][each.identifier]) for each in INPUTS}
    concerned = [_of_weeks(rows, each, weeks) for each, rows in read.items()]
    rows = F.broadcast(keys).join(_weeks(concerned, day_of(spec)), on=_WEEK, how="inner")
    replace_keys(session, rows, PRODUCT_WEEK, spec["target"], keys, days=[_WEEK])
    report_anew(report, PRODUCT_WEEK, ANEW, len(weeks))


def _weeks(inputs: Sequence[DataFrame], as_of: date) -> DataFrame:
    products, lines, prices, promotions, interactions, events, sessions = inputs
    sources = (
        sold(lines),
        priced(prices),
        promoted(promotions),
        redeemed(interactions, lines),
        clicked(events, sessions),
    )
    return product_week(products, sources, as_of)


def _of_weeks(rows: DataFrame, table: Table, weeks: list[date]) -> DataFrame:
    """What a source says of the weeks; all, if it is not by weeks and there is any."""
    if not weeks:
        return rows.where("1 = 0")
    day = _WEEK if _WEEK in table.column_names else _DAYS.get(table)
    if day is None:
        return rows
    return rows.where(is_within(day, [(week, week + WEEK - A_DAY) for week in weeks]))


def _touched(session: SparkSession, spec: Mapping[str, Any]) -> list[date] | None:
    """The Mondays of the weeks to be made anew, in order; None for all of them."""
    files = {each: spec["since"]["inputs"][each.identifier] for each in INPUTS}
    before, now = last_closed_week(day_of(spec["since"])), last_closed_week(day_of(spec))
    fuel = changed_rows(session, files[PRODUCT], PRODUCT, ("product_id", "is_fuel"))
    if now < before or fuel.where("is_fuel").limit(1).count():
        return None
    bots = changed_rows(session, files[CLICK_SESSION], CLICK_SESSION, _VISIT).where("is_bot")
    visits = bots.limit(MOST_BOTS + 1).collect()
    if len(visits) > MOST_BOTS:
        return None
    frames = [
        *(
            changed_days(session, files[each], each, _DAYS.get(each, _WEEK), columns)
            for each, columns in _COUNTED.items()
        ),
        *_of_coupons(session, spec, files[INTERACTION]),
    ]
    weeks = union(frames).select(monday_of(F.col("day")).alias(_WEEK))
    found = {row[_WEEK] for row in weeks.distinct().collect()}
    lasted = ((each["session_date"], each["ended_at"] - each["started_at"]) for each in visits)
    closed = {before + WEEK * (n + 1) for n in range((now - before) // WEEK)}
    touched = {each for each in (*found, *_weeks_of(lasted), *closed) if each <= now}
    return None if len(touched) > MOST_WEEKS else sorted(touched)


def _of_coupons(
    session: SparkSession, spec: Mapping[str, Any], files: Mapping[str, list[str]]
) -> Iterator[DataFrame]:
    """Days on which other coupons were used than before, or coupons good for other products."""
    columns = ("interaction_id", "campaign_id", "coupon_upc", "household_id", "interaction_date")
    is_used = f"interaction_type = '{REDEMPTION}'"
    yield changed_days(session, files, INTERACTION, _USED_ON, columns, where=is_used)
    good_for = ("interaction_type", "campaign_id", "coupon_upc", "product_id")
    offers = changed_rows(session, files, INTERACTION, good_for)
    coupons = offers.where(F.col("interaction_type") == OFFER).select("campaign_id", "coupon_upc")
    used = session.table(spec["inputs"][INTERACTION.identifier]).where(is_used)
    theirs = used.join(coupons.distinct(), on=["campaign_id", "coupon_upc"], how="left_semi")
    day = F.greatest(_USED_ON, _USED_ON).alias("day")
    yield theirs.where(F.col(_USED_ON).isNotNull()).select(day)


def _weeks_of(visits: Iterable[tuple[date, timedelta]]) -> Iterator[date]:
    """The Mondays of the weeks in which visits may have been under way, by their first day."""
    for day, lasted in visits:
        last = day + timedelta(days=lasted.days + 1)
        monday = day - timedelta(days=day.weekday())
        while monday <= last:
            yield monday
            monday += WEEK
