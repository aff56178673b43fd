"""How often a table's rows come, and how they are fetched where the platform fetches them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from product360_assets.core.treatments import Strict
from resources.event_streams import STREAM_NAME

Cadence = Literal["continuous", "hourly", "daily", "weekly", "monthly"]

StreamName = Annotated[str, Field(pattern=STREAM_NAME)]


class PullContract(Strict):
    """How a service's table is pulled."""

    overlap_minutes: int = Field(
        60,
        ge=0,
        description="How far a pull reaches back behind the last one, for changes that the service "
        "made visible late; what comes again changes nothing",
    )
    compare_keys: Cadence | None = Field(
        None,
        description="How often all keys at the service are compared with ours; what it lacks was "
        "deleted there",
    )
    deletes_at_most_percent: int = Field(
        20,
        ge=0,
        le=100,
        description="Share of our keys that a comparison may delete; more is no deletion but a "
        "service that shows less than it has",
    )
