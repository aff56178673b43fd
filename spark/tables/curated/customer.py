"""Households of the loyalty programme."""

from __future__ import annotations

from spark.tables.curated.lineage import LINEAGE
from spark.tables.model import Column, Table

CUSTOMER = Table(
    zone="curated",
    name="customer",
    doc="Every household of the loyalty programme, with its demographics where they are known.",
    grain="one row per household",
    owner="customer-insight",
    key=("household_id",),
    columns=(
        Column(
            "household_id",
            "bigint",
            "Household.",
            nullable=False,
            tag="pseudonym",
            subject="customer",
        ),
        Column("first_seen_at", "timestamp", "When the household first shopped, UTC."),
        Column("age_band", "string", "Age range of the head of household.", tag="personal"),
        Column("income_band", "string", "Yearly income range.", tag="personal"),
        Column("home_ownership", "string", "Homeowner, renter …", tag="personal"),
        Column("marital_status", "string", "Marital status.", tag="personal"),
        Column("household_size", "string", "People in the household, 5+ for more.", tag="personal"),
        Column("household_composition", "string", "Who lives together.", tag="personal"),
        Column("kids_count", "string", "Children, 3+ for more.", tag="personal"),
        Column(
            "has_demographics",
            "boolean",
            "True when the customer system knows the household's demographics.",
            nullable=False,
        ),
        *LINEAGE,
    ),
)
