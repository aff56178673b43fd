"""The shop's visits, as polars computes them, and what else reads changes: the last of each key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date

import polars as pl

TIME_ZONE = "America/New_York"
SECOND = 1_000_000  # microseconds
LONGEST_PAUSE = 30 * 60 * SECOND
Clean = Callable[[str], pl.LazyFrame]


def latest(changes: pl.LazyFrame, *key: str) -> pl.LazyFrame:
    """The last change of each key that is no delete; files go by their delivery."""
    delivered = pl.col("_landing_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    newest = ["_committed_at", "_change_sequence", "_is_delete", "_batch_id"]
    order = pl.concat_str(
        pl.col("_committed_at").cast(pl.String).fill_null(""),
        pl.col("_change_sequence").fill_null(""),
        separator=" ",
    )
    return (
        changes.with_columns(_committed_at=pl.coalesce("_committed_at", delivered))
        .with_columns(_is_delete=pl.col("_operation") == "D", _change_order=order)
        .sort(newest, descending=[True, True, True, False], nulls_last=True)
        .unique(key, keep="first", maintain_order=True)
        .filter(pl.col("_is_delete").not_())
    )


def click_events(clean: Clean) -> pl.LazyFrame:
    """Each event once."""
    renamed = {
        "session_id": "source_session_id",
        "synthetic": "is_synthetic",
        "seed": "generator_seed",
    }
    day = pl.col("event_time").dt.convert_time_zone(TIME_ZONE).dt.date()
    events = latest(clean("clickstream.click_event"), "event_id")
    return events.rename(renamed).with_columns(event_date=day)


def closed_day(clicks: pl.DataFrame, clean: Clean) -> date:
    """The last day with clicks that a delivery of a later day has closed."""
    newest = clean("clickstream.click_event").select(pl.col("_landing_date").max()).collect().item()
    day: date = clicks.filter(pl.col("event_date") < newest)["event_date"].max()  # type: ignore[assignment]
    return day


def click_sessions(clicks: pl.DataFrame, as_of: date) -> pl.LazyFrame:
    """A visitor's events with no more than half an hour between one and the next."""
    at = pl.col("event_time").dt.epoch("us")
    pause = pl.col("at").diff().over("visitor_id")
    begins = pl.when(pause.is_null() | (pause > LONGEST_PAUSE)).then("at")
    begun = (
        clicks.lazy()
        .filter(pl.col("event_date") <= as_of)
        .with_columns(at=at)
        .sort("visitor_id", "at")
        .with_columns(first_at=begins)
        .with_columns(pl.col("first_at").forward_fill().over("visitor_id"))
    )
    visits = begun.group_by("visitor_id", "first_at").agg(**_visit())
    seconds = (pl.col("clicks").cast(pl.Int64) - 1) * SECOND
    fast = pl.col("last_click") - pl.col("first_click") < seconds
    session_id = pl.struct("visitor_id", "first_at").map_elements(_session_id, pl.String)
    one_household = pl.col("least") == pl.col("greatest")
    return visits.with_columns(
        session_id=session_id,
        household_id=pl.when(one_household).then("least"),
        duration_seconds=(pl.col("last_at") - pl.col("first_at")) // SECOND,
        is_converted=pl.col("products_purchased") > 0,
        is_bot=(pl.col("clicks") >= 1000) | ((pl.col("clicks") >= 30) & fast),
    )


def _visit() -> dict[str, pl.Expr]:
    kind, product = pl.col("event_type"), pl.col("product_id")
    click = pl.col("at").filter(kind != "purchase")
    return {
        "least": pl.col("household_id").min(),
        "greatest": pl.col("household_id").max(),
        "started_at": pl.col("event_time").min(),
        "ended_at": pl.col("event_time").max(),
        "last_at": pl.col("at").max(),
        "session_date": pl.col("event_date").min(),
        "events": pl.len().cast(pl.Int64),
        "views": (kind == "view").sum().cast(pl.Int64),
        "products_viewed": product.filter(kind == "view").drop_nulls().n_unique().cast(pl.Int64),
        "cart_additions": (kind == "add_to_cart").sum().cast(pl.Int64),
        "cart_removals": (kind == "remove_from_cart").sum().cast(pl.Int64),
        "products_purchased": product.filter(kind == "purchase")
        .drop_nulls()
        .n_unique()
        .cast(pl.Int64),
        "basket_id": pl.col("basket_id").min(),
        "source_sessions": pl.col("source_session_id").n_unique().cast(pl.Int64),
        "is_synthetic": pl.col("is_synthetic").any(),
        "clicks": click.len(),
        "first_click": click.min(),
        "last_click": click.max(),
    }


def _session_id(visit: dict[str, object]) -> str:
    text = f"{visit['visitor_id']} {visit['first_at']}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
