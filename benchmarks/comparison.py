"""Platform against script, like with like: what is compared, what is apart, and the ratios.

The platform does more than any script: it copies and hashes, orchestrates, forecasts and answers.
Compared is what both do: clean as a whole, and the published tables that the script makes. To that
comes all of the orchestration, because a script has its own start and end in its sum as well. Raw
is reported apart; tables that the script does not make are subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from benchmarks.attribution import ORCHESTRATION, StepCost, total
from benchmarks.results import PLATFORM, Results, Run

ROWS = " rows"
PUBLISHED = ("curated ", "forecast ")


@dataclass(frozen=True)
class Ratios:
    """One ratio for each pair of runs that stood beside each other."""

    values: tuple[float, ...]

    def __str__(self) -> str:
        """The median, and the range where there is one."""
        if len(self.values) == 1:
            return f"{self.values[0]:.2f} (one pair)"
        low, high = min(self.values), max(self.values)
        return f"{median(self.values):.2f} ({low:.2f} to {high:.2f}, {len(self.values)} pairs)"

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)


@dataclass(frozen=True)
class Comparison:
    """The platform on one engine beside one script, at one scale.

    Attributes:
        tables: identifiers of the published tables that both make.
        pairs: runs of the same round: platform, script.
    """

    scale: str
    engine: str
    script: str
    tables: tuple[str, ...]
    pairs: tuple[tuple[Run, Run], ...]

    @property
    def whole(self) -> Ratios:
        """CPU of what is compared, orchestration included, against the script's."""
        return Ratios(tuple(self.compared(ours).cpu / theirs.cpu for ours, theirs in self.pairs))

    @property
    def without_orchestration(self) -> Ratios:
        """The same without what lies between the platform's steps."""
        return Ratios(
            tuple(
                (self.compared(ours).cpu - ours.zones[ORCHESTRATION].cpu) / theirs.cpu
                for ours, theirs in self.pairs
            )
        )

    def compared(self, ours: Run) -> StepCost:
        """What of a platform's run the script does as well."""
        published = total(cost for name, cost in ours.tables.items() if name in self._made_by_both)
        return ours.zones["clean"] + published + ours.zones[ORCHESTRATION]

    def apart(self, ours: Run) -> dict[str, StepCost]:
        """What of it the script does not do: raw and serving as wholes, and published tables."""
        published = {
            name: cost
            for name, cost in ours.tables.items()
            if name.startswith(PUBLISHED) and name not in self._made_by_both
        }
        whole = {zone: ours.zones[zone] for zone in ("raw", "serving") if zone in ours.zones}
        return {**whole, **published}

    @property
    def _made_by_both(self) -> set[str]:
        return {f"{zone} {name}" for zone, _, name in (t.partition(".") for t in self.tables)}


def comparisons(results: Results) -> list[Comparison]:
    """Every comparison that the results allow, smallest scale first."""
    found = []
    for scale in results.scales():
        engines = dict.fromkeys(run.engine for run in results.of(PLATFORM, scale))
        scripts = dict.fromkeys(run.what for run in results.runs if run.what.endswith("script"))
        for engine in engines:
            for script in scripts:
                if pairs := _pairs(results, scale, engine, script):
                    tables = _published(pairs[0][1])
                    found.append(Comparison(scale, engine, script, tables, tuple(pairs)))
    return found


def _pairs(results: Results, scale: str, engine: str, script: str) -> list[tuple[Run, Run]]:
    """The script's runs, each with the platform's run that it followed."""
    pairs = []
    ours: Run | None = None
    for run in results.runs:
        if run.what == PLATFORM and run.scale == scale:
            ours = run if run.engine == engine else None
        elif (
            run.what == script
            and run.scale == scale
            and ours is not None
            and run.engine in ("", engine)
        ):
            pairs.append((ours, run))
    return pairs


def _published(run: Run) -> tuple[str, ...]:
    return tuple(
        sorted(
            name.removesuffix(ROWS)
            for name in run.counts
            if name.endswith(ROWS) and "." in name and not name.startswith("clean")
        )
    )
