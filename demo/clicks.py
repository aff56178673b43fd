"""What happens in each session, click by click, and when.

The hazard: a session's clicks are timed backwards from its end, so their order must be total; it
is by session, drawn order and step, and a tie keeps the order in which the actions are built here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from demo.clickstream import (
    GAP_SECONDS,
    OWN_PURCHASES,
    REGRETTED,
    Lines,
    Popularity,
    read_lines,
    read_popularity,
)
from demo.columns import Flags, Integers, joined, run_lengths, spread, starts, taken
from demo.keyed import Keys, Shares, keyed, numbered, uniform
from demo.panel import open_panel
from demo.sessions import Sessions, drawn, sessions_of
from demo.settings import SEED, Scale

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT_TYPES: Final = ("view", "add_to_cart", "remove_from_cart", "purchase")
_VIEW, _ADD, _REMOVE, _PURCHASE = range(4)


@dataclass(frozen=True)
class Clicks:
    """Events by session and position; 0 means "none" in household, quantity and basket.

    `event_type` is a position in `EVENT_TYPES`; a purchase is one event per line of the basket.
    """

    session: Keys
    position: Integers
    visitor: Keys
    household: Integers
    event_type: Integers
    time_ms: Integers
    product: Integers
    quantity: Integers
    basket: Integers


@dataclass(frozen=True)
class _Actions:
    session: Integers
    order: Shares
    step: Integers
    event_type: Integers
    product: Integers
    quantity: Integers


def generate(scale: Scale, *, seed: int = SEED, lines_at_once: int = 100_000) -> Iterator[Clicks]:
    """The click events of one scale, in blocks of whole households.

    Where the blocks are cut changes no event; it bounds memory.
    """
    with open_panel(scale) as panel:
        popularity, lines = read_popularity(panel), read_lines(panel)
    for block in _blocks(lines, lines_at_once):
        yield clicks_of(block, popularity, seed=seed)


def clicks_of(lines: Lines, popularity: Popularity, *, seed: int) -> Clicks:
    """The events of the sessions that belong to these lines."""
    sessions = sessions_of(lines, seed=seed)
    actions = joined([*_carts(lines, sessions, seed), *_extras(lines, sessions, popularity, seed)])
    ordered = taken(actions, np.lexsort((actions.step, actions.order, actions.session)))
    return _timed(lines, sessions, ordered, seed)


def _blocks(lines: Lines, lines_at_once: int) -> Iterator[Lines]:
    size = lines.household.size
    cut = 0
    for end in [*starts(lines.household)[1:].tolist(), size]:
        if end - cut >= lines_at_once or end == size:
            yield taken(lines, slice(cut, end))
            cut = end


def _carts(lines: Lines, sessions: Sessions, seed: int) -> list[_Actions]:
    session, nth = spread(sessions.cart_lines)
    line = sessions.first_line[session] + nth
    order = uniform(numbered(sessions.key[session], nth), seed=seed, purpose="cart order")
    product, quantity, none = lines.product[line], lines.quantity[line], np.zeros_like(nth)
    return [
        _Actions(session, order, none, none + _VIEW, product, none),
        _Actions(session, order, none + 1, none + _ADD, product, quantity),
        _Actions(session, order + 9, nth, none + _PURCHASE, product, quantity),
    ]


def _extras(lines: Lines, sessions: Sessions, popularity: Popularity, seed: int) -> list[_Actions]:
    session, nth = spread(sessions.extra_views)
    key = numbered(keyed(sessions.key, seed=seed, purpose="extra view")[session], nth)
    order = uniform(key, seed=seed, purpose="view order")
    product = _looked_at(lines, sessions.first_line[session], key, popularity, seed)

    regretted = uniform(key, seed=seed, purpose="regret") < REGRETTED
    regretted &= ~_in_cart(lines, sessions, session, product)
    # A buyer takes it out before paying; a browser may just leave it.
    abandoned = ~sessions.buying[session] & (uniform(key, seed=seed, purpose="abandon") < 0.5)
    none = np.zeros_like(nth)
    viewed = _Actions(session, order, none, none + _VIEW, product, none)
    added = _Actions(session, order, none + 1, none + _ADD, product, none + 1)
    removed = _Actions(session, order + 2, none, none + _REMOVE, product, none + 1)
    return [viewed, taken(added, regretted), taken(removed, regretted & ~abandoned)]


def _looked_at(
    lines: Lines, line: Integers, key: Keys, popularity: Popularity, seed: int
) -> Integers:
    first = starts(lines.household)
    household = np.searchsorted(first, line, side="right") - 1
    bought = run_lengths(first, lines.household.size)[household]
    share = uniform(key, seed=seed, purpose="product")
    own = lines.product[first[household] + np.floor(share * bought).astype(np.int64)]
    popular_line = np.floor(share * popularity.lines_so_far[-1])
    popular = popularity.product[
        np.searchsorted(popularity.lines_so_far, popular_line, side="right")
    ]
    return np.where(uniform(key, seed=seed, purpose="pool") < OWN_PURCHASES, own, popular)


def _in_cart(lines: Lines, sessions: Sessions, session: Integers, product: Integers) -> Flags:
    holder, nth = spread(sessions.cart_lines)
    span = np.int64(2**40)  # more than any product id
    held = holder * span + lines.product[sessions.first_line[holder] + nth]
    return np.isin(session * span + product, held)


def _timed(lines: Lines, sessions: Sessions, actions: _Actions, seed: int) -> Clicks:
    session = actions.session
    first = starts(session)
    sizes = run_lengths(first, session.size)
    key = sessions.key[session]
    position = np.arange(session.size) - np.repeat(first, sizes)

    seconds = drawn(numbered(key, position), GAP_SECONDS, seed=seed, purpose="gap")
    # Paying is one moment: the purchase events of a session share the basket's own time.
    paid = actions.event_type == _PURCHASE
    gap_ms = np.where(paid, 0, np.round(seconds * 1000)).astype(np.int64)
    so_far = np.cumsum(gap_ms)
    still_to_come = np.repeat(so_far[first + sizes - 1], sizes) - so_far + gap_ms

    line = sessions.first_line[session]
    anonymous = sessions.anonymous[session]
    known = keyed(lines.household[line].astype(np.uint64), seed=seed, purpose="visitor")
    return Clicks(
        session=key,
        position=position,
        visitor=np.where(anonymous, keyed(key, seed=seed, purpose="new visitor"), known),
        household=np.where(anonymous, 0, lines.household[line]),
        event_type=actions.event_type,
        time_ms=sessions.end_ms[session] - still_to_come,
        product=actions.product,
        quantity=actions.quantity,
        basket=np.where(paid, lines.basket[line], 0),
    )
