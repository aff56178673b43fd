"""Which sessions there are: whose, how they end, when, and how many products each looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from demo.clickstream import (
    BUYING_SHARE,
    DAYS_BEFORE,
    DIGITAL_SHARE,
    LEVELS,
    MOST_VIEWS,
    NEW_VISITORS,
    NEW_VISITORS_BUY,
    VIEWS_WHEN_BROWSING,
    VIEWS_WHEN_BUYING,
    Lines,
)
from demo.columns import Flags, Integers, run_lengths, spread, starts
from demo.keyed import Keys, Shares, keyed, numbered, uniform

_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_OPENING: Final = datetime(2017, 1, 1, tzinfo=ZoneInfo("America/New_York"))


@dataclass(frozen=True)
class Sessions:
    """One row per session; `cart_lines` is 0 for a session that only browses."""

    key: Keys
    first_line: Integers
    cart_lines: Integers
    extra_views: Integers
    buying: Flags
    anonymous: Flags
    end_ms: Integers


def sessions_of(lines: Lines, *, seed: int) -> Sessions:
    """The buying and browsing sessions that belong to these lines' baskets."""
    first = starts(lines.basket)
    ids = lines.basket[first].astype(np.uint64)

    buying_at = np.flatnonzero(uniform(ids, seed=seed, purpose="digital") < DIGITAL_SHARE)
    browsing_per_basket = DIGITAL_SHARE * (1 - BUYING_SHARE) / BUYING_SHARE
    visits = np.floor(browsing_per_basket + uniform(ids, seed=seed, purpose="browsing"))
    browsing_at, visit = spread(visits.astype(np.int64))

    at = np.concatenate([buying_at, browsing_at])
    buying = np.arange(at.size) < buying_at.size
    # The buying session is number 0 of its basket; browsing sessions count from 1.
    number = np.concatenate([np.zeros_like(buying_at), visit + 1])
    key = keyed(numbered(ids[at], number), seed=seed, purpose="session")

    cart_lines = np.where(buying, run_lengths(first, lines.basket.size)[at], 0)
    return Sessions(
        key=key,
        first_line=first[at],
        cart_lines=cart_lines,
        extra_views=np.maximum(_views(key, buying, seed) - cart_lines, 0),
        buying=buying,
        anonymous=uniform(key, seed=seed, purpose="visitor type") < _share_of_new(buying),
        end_ms=_ends(lines.sold_ms[first[at]], buying, key, seed),
    )


def drawn(key: Keys, values: tuple[float, ...], *, seed: int, purpose: str) -> Shares:
    """One number per key from the distribution that has these values at `LEVELS`."""
    per_cent = uniform(key, seed=seed, purpose=purpose) * 100
    between: Shares = np.interp(per_cent, np.array(LEVELS, dtype=np.float64), np.array(values))
    return between


def _views(key: Keys, buying: Flags, seed: int) -> Integers:
    views = np.where(
        buying,
        drawn(key, VIEWS_WHEN_BUYING, seed=seed, purpose="views"),
        drawn(key, VIEWS_WHEN_BROWSING, seed=seed, purpose="views"),
    )
    return np.clip(views, 1, MOST_VIEWS).astype(np.int64)


def _share_of_new(buying: Flags) -> Shares:
    # Bayes: the published conversion of new visitors, turned into their share of each outcome.
    return np.where(
        buying,
        NEW_VISITORS * NEW_VISITORS_BUY / BUYING_SHARE,
        NEW_VISITORS * (1 - NEW_VISITORS_BUY) / (1 - BUYING_SHARE),
    )


def _ends(sold_ms: Integers, buying: Flags, key: Keys, seed: int) -> Integers:
    days = np.floor(uniform(key, seed=seed, purpose="days before") * DAYS_BEFORE).astype(np.int64)
    # Nobody browses before the panel's first day.
    days = np.minimum(days, (sold_ms - int(_OPENING.timestamp()) * 1000) // _DAY_MS)
    earlier = np.floor(uniform(key, seed=seed, purpose="hour before") * _HOUR_MS).astype(np.int64)
    return np.where(buying, sold_ms, sold_ms - days * _DAY_MS - earlier)
