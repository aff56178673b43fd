"""Whether a series is flat once it is warm: its last third against the third before.

The first third is the warm-up: caches fill, connections open. Medians of thirds do not mind single
samples, taken while something was written. Of memory the low marks are compared (a tenth of the
samples lie below): a JVM takes what it is allowed to and gives it back after a while, and a leak is
what is never given back. The hazard is a limit that every leak fits under: so the room is a tenth
and a floor, and a test shows what a leak of that kind looks like after half an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

ROOM = 0.10
# Of fewer samples nothing can be said.
FEWEST = 9


@dataclass(frozen=True)
class Trend:
    """One series: its middle third and its last, and how much more would be growth.

    `unit` is of `before`, `after` and `floor`: medians or low marks of the two thirds.
    """

    what: str
    unit: str
    before: float
    after: float
    floor: float
    samples: int

    @property
    def is_flat(self) -> bool:
        """Whether it did not grow; what shrinks is flat as well."""
        grown = self.after - self.before
        return self.samples >= FEWEST and grown <= max(ROOM * self.before, self.floor)


def trend(
    what: str, unit: str, values: Sequence[float], *, floor: float, lows: bool = False
) -> Trend:
    """The trend of values taken at equal distances.

    Args:
        what: of what they are.
        unit: their unit.
        values: in the order of time.
        floor: so much more is never growth, however small the values are.
        lows: compare low marks instead of medians.
    """
    third = len(values) // 3
    mark = low_mark if lows else median
    parts = values[third : 2 * third], values[2 * third :]
    before, after = (mark(part) if len(part) > 1 else 0.0 for part in parts)
    return Trend(what, unit, before, after, floor, len(values))


def low_mark(values: Sequence[float]) -> float:
    """What a tenth of the values lie below."""
    return quantiles(values, n=10, method="inclusive")[0]
