"""The objects of the company's two services, and the panel's queries that fill them.

Each record says when it was changed, and a service answers in that order. A household is new with
its first basket, a campaign and what belongs to it when it starts, a redemption when its day is
over. The hazard: the panel holds 4,872 coupon records twice and names 16 products that do not
exist; a service that cleaned its records would be no service one meets.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from demo.panel import open_panel

if TYPE_CHECKING:
    from demo.settings import Scale


# When a record changed and which it is; and its values.
Place: TypeAlias = tuple[int, int]
Row: TypeAlias = tuple[Place, tuple[Any, ...]]


@dataclass(frozen=True)
class ObjectQuery:
    """A kind of record, and the query that gives its fields; one of them is `modified_at`."""

    system: str
    name: str
    query: str


class ServiceObject:
    """Records of one kind, by time of change. They change as in any service that people work with.

    A record keeps its place as long as it does not change, whatever is removed before it: a page
    that follows a place skips nothing. Reading takes one look at `rows`, writing replaces it whole,
    so that both may go on at once.

    Attributes:
        fields: names and types of a record's fields.
        rows: each record's place and its values, by place: when it changed, in milliseconds since
            1970, and a number that no other record has.
    """

    def __init__(
        self,
        system: str,
        name: str,
        fields: Sequence[tuple[str, str]],
        modified_ms: Sequence[int],
        records: Sequence[tuple[Any, ...]],
    ) -> None:
        self.system = system
        self.name = name
        self.fields = tuple(fields)
        self._numbers = count()
        self.rows: Sequence[Row] = [
            ((moment, next(self._numbers)), values)
            for moment, values in zip(modified_ms, records, strict=True)
        ]

    def put(self, record: Mapping[str, Any], *, modified_ms: int, key: Sequence[str]) -> None:
        """Add a record, or change the one of its key.

        With a time that has passed, it is a change whose transaction took long: nobody could see it
        when that time was asked for.
        """
        self.remove({name: record[name] for name in key})
        values = tuple(record[name] for name, _ in self.fields)
        rows = list(self.rows)
        insort(rows, ((modified_ms, next(self._numbers)), values), key=lambda row: row[0])
        self.rows = rows

    def remove(self, key: Mapping[str, Any]) -> None:
        """Delete the records of a key; nothing is left of them."""
        names = [name for name, _ in self.fields]
        wanted = {names.index(name): value for name, value in key.items()}
        self.rows = [
            (place, values)
            for place, values in self.rows
            if any(values[position] != value for position, value in wanted.items())
        ]

    def redefine(
        self, fields: Sequence[tuple[str, str]], convert: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        """Give all records other fields, as a release of the service does."""
        names = [name for name, _ in self.fields]
        converted = [
            (place, convert(dict(zip(names, values, strict=True)))) for place, values in self.rows
        ]
        self.fields = tuple(fields)
        self.rows = [
            (place, tuple(record[name] for name, _ in fields)) for place, record in converted
        ]


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
