"""What visitors did in the web shop, step by step and visit by visit."""

from __future__ import annotations

from spark.tables.curated.lineage import LINEAGE
from spark.tables.model import Column, Table

_VISITOR = Column(
    "visitor_id", "string", "Browser that it came from.", nullable=False, tag="personal"
)
_SYNTHETIC = Column("is_synthetic", "boolean", "True when a model made any of it.", nullable=False)

CLICK_EVENT = Table(
    zone="curated",
    name="click_event",
    doc="Every step of every visitor of the web shop, once however often it was delivered.",
    grain="one row per event",
    owner="web",
    key=("event_id",),
    columns=(
        Column("event_id", "string", "Event.", nullable=False),
        _VISITOR,
        Column(
            "household_id",
            "bigint",
            "Household, when the visitor was signed in.",
            tag="pseudonym",
            subject="customer",
        ),
        Column(
            "event_type",
            "string",
            "view, add_to_cart, remove_from_cart or purchase.",
            nullable=False,
        ),
        Column("event_time", "timestamp", "When it happened, UTC.", nullable=False),
        Column(
            "event_date",
            "date",
            "Day on which it happened, in the shop's own time zone.",
            nullable=False,
        ),
        Column("product_id", "bigint", "Product concerned."),
        Column("quantity", "bigint", "Units put into the cart, taken from it or bought."),
        Column("basket_id", "bigint", "Receipt that the purchase is on; purchases only."),
        Column("source_session_id", "string", "Visit, as the web shop itself counts visits."),
        _SYNTHETIC,
        Column("generator", "string", "Name and version of the model that made it."),
        Column("generator_seed", "bigint", "Seed of that model."),
        *LINEAGE,
    ),
    partition=("month(event_date)",),
)

CLICK_SESSION = Table(
    zone="curated",
    name="click_session",
    doc="Every visit to the web shop: a visitor's events with no more than 30 minutes between one "
    "and the next, across midnight too.",
    grain="one row per visit",
    owner="web",
    version=2,
    key=("session_id",),
    columns=(
        Column(
            "session_id",
            "string",
            "Hash of the visitor and the time of the first event.",
            nullable=False,
        ),
        _VISITOR,
        Column(
            "household_id",
            "bigint",
            "Household that was signed in; null when nobody was, or several were.",
            tag="pseudonym",
            subject="customer",
        ),
        Column("started_at", "timestamp", "Time of the first event, UTC.", nullable=False),
        Column("ended_at", "timestamp", "Time of the last event, UTC.", nullable=False),
        Column(
            "session_date",
            "date",
            "Day on which it began, in the shop's own time zone.",
            nullable=False,
        ),
        Column(
            "duration_seconds",
            "bigint",
            "Whole seconds between first and last event.",
            nullable=False,
        ),
        Column("events", "bigint", "Events.", nullable=False),
        Column("views", "bigint", "Product views.", nullable=False),
        Column("products_viewed", "bigint", "Products viewed at least once.", nullable=False),
        Column("cart_additions", "bigint", "Times a product was put in the cart.", nullable=False),
        Column("cart_removals", "bigint", "Times a product was taken from it.", nullable=False),
        Column("products_purchased", "bigint", "Products bought.", nullable=False),
        Column("basket_id", "bigint", "Receipt that the visit ended in; the least of several."),
        Column("source_sessions", "bigint", "Visits as the web shop counts them.", nullable=False),
        Column("is_converted", "boolean", "True when something was bought.", nullable=False),
        Column(
            "is_bot",
            "boolean",
            "True when nobody can click so: 1,000 views and cart changes, or 30 with less than a "
            "second between them on average. Purchases do not count: one click buys a whole cart.",
            nullable=False,
        ),
        _SYNTHETIC,
    ),
    partition=("month(session_date)",),
)
