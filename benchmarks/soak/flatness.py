"""Whether a series is flat once it is warm: its last third against the third before.

The first third is the warm-up: caches fill, a JVM takes what it is allowed to. Medians of thirds do
not mind single samples, taken while something was written. The hazard is a limit that every leak
fits under: so the room is a tenth and a floor, and a test shows what a leak of that kind looks like
after half an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

ROOM = 0.10
# Of fewer samples nothing can be said.
FEWEST = 9


@dataclass(frozen=True)
class Trend:
    """One series: medians of its middle and of its last third, and how much more would be growth.

    `unit` is of the medians and of the floor.
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


def trend(what: str, unit: str, values: Sequence[float], *, floor: float) -> Trend:
    """The trend of values taken at equal distances.

    Args:
        what: of what they are.
        unit: their unit.
        values: in the order of time.
        floor: so much more is never growth, however small the values are.
    """
    third = len(values) // 3
    middle, last = values[third : 2 * third], values[2 * third :]
    return Trend(
        what,
        unit,
        median(middle) if middle else 0.0,
        median(last) if last else 0.0,
        floor,
        len(values),
    )
