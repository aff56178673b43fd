"""What the company delivers itself, as files that its systems drop: prices, promotions, clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo.file_drop import FileDrop
    from demo.settings import Scale


def deliver_prices_and_promotions(scale: Scale, drop: FileDrop) -> dict[str, int]:
    """Deliver the weekly files; returns their rows by table."""
    from demo.pricing import deliver_prices, deliver_promotions

    prices, promotions = deliver_prices(scale, drop), deliver_promotions(scale, drop)
    return {"pricing.price_week": prices.rows, "pricing.promotion_week": promotions.rows}


def deliver_clicks(scale: Scale, drop: FileDrop) -> dict[str, int]:
    """Deliver the event files; returns their rows by table."""
    from demo.event_files import deliver_events

    return {"clickstream.click_event": deliver_events(scale, drop).rows}
