"""Keyed random numbers: the same (seed, id, purpose) always gives the same number.

Nothing is drawn from a running generator, so a number depends neither on how many were drawn
before it nor on which other ids are present: a slice of the company gets the very numbers that the
whole company gets. The hazard: two uses of one purpose are perfectly correlated; name each use.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Keys: TypeAlias = NDArray[np.uint64]
Shares: TypeAlias = NDArray[np.float64]


def keyed(ids: Keys, *, seed: int, purpose: str) -> Keys:
    """One 64-bit number per id."""
    salt = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return _mix(ids ^ np.uint64(int.from_bytes(salt[:8], "little")))


def uniform(ids: Keys, *, seed: int, purpose: str) -> Shares:
    """One number in [0, 1) per id, on a grid of 2**-53."""
    high_bits = keyed(ids, seed=seed, purpose=purpose) >> np.uint64(11)
    return high_bits.astype(np.float64) * 2.0**-53


def numbered(ids: Keys, positions: NDArray[np.int64]) -> Keys:
    """One id per (id, position), so that the n-th thing of an id has numbers of its own."""
    return _mix(ids + (positions.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))


def _mix(keys: Keys) -> Keys:
    # The finalizer of splitmix64 (Steele, Lea, Flood 2014): a bijection, so ids never collide.
    mixed = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
