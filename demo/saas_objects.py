"""The objects of the company's two services, and the panel's queries that fill them.

Each record says when it was changed, and a service answers in that order. A household is new with
its first basket, a campaign and what belongs to it when it starts, a redemption when its day is
over. The hazard: the panel holds 4,872 coupon records twice and names 16 products that do not
exist; a service that cleaned its records would be no service one meets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from demo.panel import open_panel

if TYPE_CHECKING:
    from demo.settings import Scale


@dataclass(frozen=True)
class ObjectQuery:
    """A kind of record, and the query that gives its fields; one of them is `modified_at`."""

    system: str
    name: str
    query: str


@dataclass(frozen=True)
class ServiceObject:
    """Records of one kind, by time of change.

    Attributes:
        fields: names and types of a record's fields.
        modified_ms: when each record changed, in milliseconds since 1970, ascending.
        records: the values of each record.
    """

    system: str
    name: str
    fields: tuple[tuple[str, str], ...]
    modified_ms: Sequence[int]
    records: Sequence[tuple[Any, ...]]


def _utc(local_midnight: str) -> str:
    return f"timezone('UTC', timezone('America/New_York', CAST({local_midnight} AS TIMESTAMP)))"


_FIRST_BASKET: Final = "SELECT household_id, min(sold_at) AS modified_at FROM line GROUP BY ALL"
_CAMPAIGN: Final = f"SELECT *, {_utc('start_date')} AS modified_at FROM campaign_descriptions"

OBJECTS: Final = (
    ObjectQuery(
        "crm",
        "household",
        f"SELECT household_id, modified_at AS first_seen_at, modified_at FROM ({_FIRST_BASKET})",
    ),
    ObjectQuery(
        "crm",
        "demographic",
        f"""SELECT household_id, age, income, home_ownership, marital_status, household_size,
                   household_comp, kids_count, modified_at
            FROM demographics JOIN ({_FIRST_BASKET}) USING (household_id)""",
    ),
    ObjectQuery(
        "marketing",
        "campaign",
        f"""SELECT campaign_id, campaign_type, CAST(start_date AS DATE) AS start_date,
                   CAST(end_date AS DATE) AS end_date, modified_at FROM ({_CAMPAIGN})""",
    ),
    ObjectQuery(
        "marketing",
        "campaign_target",
        f"""SELECT campaign_id, household_id, modified_at
            FROM campaigns SEMI JOIN sampled_household USING (household_id)
                           JOIN ({_CAMPAIGN}) USING (campaign_id)""",
    ),
    ObjectQuery(
        "marketing",
        "coupon",
        f"""SELECT CAST(coupon_upc AS VARCHAR) AS coupon_upc, product_id, campaign_id, modified_at
            FROM coupons JOIN ({_CAMPAIGN}) USING (campaign_id)""",
    ),
    ObjectQuery(
        "marketing",
        "coupon_redemption",
        f"""SELECT household_id, CAST(coupon_upc AS VARCHAR) AS coupon_upc, campaign_id,
                   CAST(redemption_date AS DATE) AS redemption_date,
                   {_utc("redemption_date + INTERVAL 1 DAY")} AS modified_at
            FROM coupon_redemptions SEMI JOIN sampled_household USING (household_id)""",
    ),
)


def read_objects(scale: Scale) -> Iterator[ServiceObject]:
    """All objects of both services, filled for this scale."""
    with open_panel(scale) as panel:
        for wanted in OBJECTS:
            rows = panel.sql(wanted.query)
            fields = tuple(
                (name, str(kind).lower())
                for name, kind in zip(rows.columns, rows.types, strict=True)
            )
            # As JSON has no times, they are texts from here on.
            shown = ", ".join(_as_text(name, kind) for name, kind in fields)
            ordered = panel.execute(
                f"SELECT epoch_ms(modified_at), {shown} FROM ({wanted.query}) AS r"
                " ORDER BY r.modified_at, r"
            ).fetchall()
            yield ServiceObject(
                system=wanted.system,
                name=wanted.name,
                fields=fields,
                modified_ms=[row[0] for row in ordered],
                records=[row[1:] for row in ordered],
            )


def _as_text(name: str, kind: str) -> str:
    if kind == "timestamp":
        return f"strftime({name}, '%Y-%m-%dT%H:%M:%SZ')"
    return f"CAST({name} AS VARCHAR)" if kind == "date" else name
