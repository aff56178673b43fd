"""Charts are real pictures, small, the same for the same data, and never in the way of a run."""

from __future__ import annotations

import base64
import io
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from product360_assets.core.plots import (
    Fan,
    bar_chart,
    bar_label,
    fan_chart,
    histogram,
    line_chart,
)

MONDAY = date(2017, 1, 2)
BLUE, VERMILION = (0, 114, 178), (213, 94, 0)


def content(shown: dg.MarkdownMetadataValue) -> bytes:
    markdown = shown.value
    assert markdown is not None
    described, encoded = markdown.split("](data:image/png;base64,")
    assert described.startswith("![")
    assert encoded.endswith(")")
    return base64.b64decode(encoded.removesuffix(")"), validate=True)


def picture(shown: dg.MarkdownMetadataValue) -> Image.Image:
    image = Image.open(io.BytesIO(content(shown)))
    assert image.format == "PNG"
    return image.convert("RGB")


def inked(image: Image.Image, colour: tuple[int, int, int]) -> int:
    """How many pixels are about that colour."""
    difference = np.abs(np.asarray(image).astype(int) - np.array(colour)).sum(axis=2)
    return int((difference < 24).sum())


def fans(count: int, *, high: float = 30) -> list[Fan]:
    draw = random.Random(count)
    return [
        Fan(
            f"Item {number}",
            [(MONDAY + timedelta(weeks=week), draw.randint(0, 40)) for week in range(26)],
            [(MONDAY + timedelta(weeks=26 + week), 5, 12, high) for week in range(4)],
        )
        for number in range(count)
    ]


def year(seed: int) -> list[tuple[date | float, float | None]]:
    draw = random.Random(seed)
    return [(MONDAY + timedelta(days=day), 1e4 * draw.random()) for day in range(365)]


CHARTS: dict[str, Any] = {
    "fan": lambda: fan_chart(fans(6), title="Demand", y="units a week", past="sold"),
    "line": lambda: line_chart(
        {"a": year(1), "b": year(2)}, title="Revenue by day", x="business day", y="revenue, USD"
    ),
    "bar": lambda: bar_chart(
        ["one", "two"], {"a": [0.4, 0.5], "b": [0.6, None]}, title="Loss", x="window", y="wQL"
    ),
    "lying bar": lambda: bar_chart(
        [f"department {n}" for n in range(30)],
        {"revenue": [float(n) for n in range(30)]},
        title="Revenue",
        x="department",
        y="revenue, USD",
        horizontal=True,
    ),
    "histogram": lambda: histogram([n % 17 for n in range(999)], title="Age", x="days", y="rows"),
}


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_chart_is_a_picture_700_pixels_wide_and_small(chart: Any) -> None:
    shown = chart()
    image = picture(shown)
    assert image.width == 700
    assert 250 <= image.height <= 700
    assert len(shown.value) < 60_000
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert inked(image, BLUE) > 100


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_the_same_data_gives_the_same_bytes(chart: Any) -> None:
    assert chart() == chart()


def test_charts_of_several_threads_do_not_mix() -> None:
    alone = [CHARTS[name]() for name in CHARTS]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda name: CHARTS[name](), list(CHARTS) * 4))
    assert together == alone * 4


def test_a_wider_range_is_a_larger_area() -> None:
    pale = (246, 215, 191)  # vermilion at a quarter, on white
    narrow, wide = (
        inked(picture(fan_chart(fans(1, high=high), title="D", y="units", past="sold")), pale)
        for high in (14, 39)
    )
    assert wide > 2 * narrow > 0


def test_bars_are_as_high_as_their_values() -> None:
    image = picture(bar_chart(["x"], {"a": [1.0], "b": [2.0]}, title="T", x="x", y="y"))
    half, whole = inked(image, BLUE), inked(image, VERMILION)
    # The legend holds a patch of each colour, so the areas are not quite one to two.
    assert 1.85 < whole / half < 2.05


def test_a_gap_is_left_out_of_a_line() -> None:
    points: list[tuple[date | float, float | None]] = [(float(n), 5.0) for n in range(100)]
    gaps = [(at, None if 20 <= at < 80 else value) for at, value in points]
    whole, broken = (
        inked(picture(line_chart({"a": line}, title="T", x="x", y="y")), BLUE)
        for line in (points, gaps)
    )
    assert broken < 0.5 * whole


@pytest.mark.parametrize(
    "chart",
    [
        lambda: fan_chart([], title="T", y="y", past="sold"),
        lambda: line_chart({}, title="T", x="x", y="y"),
        lambda: line_chart({"a": []}, title="T", x="x", y="y"),
        lambda: line_chart({"a": [(MONDAY, None)]}, title="T", x="x", y="y"),
        lambda: bar_chart([], {}, title="T", x="x", y="y"),
        lambda: bar_chart(["x"], {"a": [None]}, title="T", x="x", y="y"),
        lambda: histogram([], title="T", x="x", y="y"),
        lambda: histogram([None, float("nan"), float("inf")], title="T", x="x", y="y"),
        lambda: histogram([3.0], title="T", x="x", y="y"),
        lambda: fan_chart([Fan("new", [], [])], title="T", y="y", past="sold"),
    ],
)
def test_a_chart_of_little_or_nothing_is_a_chart_too(chart: Any) -> None:
    assert picture(chart()).width == 700


def test_text_is_shown_as_it_is_written() -> None:
    # Between two dollar signs matplotlib would read a formula, and this one is broken.
    shown = bar_chart(
        ["$5 to $10", r"50 % {off} \frac$ $"],
        {"a $x_$": [Decimal("1.5"), Decimal("2")]},
        title="[draft] $^$",
        x="$ $",
        y="$_$",
    )
    assert str(shown.value).startswith("![(draft) $^$](data:")
    assert picture(shown).width == 700


def test_nothing_of_matplotlib_is_loaded_before_a_chart_is_drawn() -> None:
    code = "import sys, product360_assets.core.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_drawing_leaves_pyplot_alone() -> None:
    code = (
        "import sys; from product360_assets.core.plots import histogram; "
        "histogram([1, 2], title='T', x='x', y='y'); sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("value", "text"), [(38_991, "38,991"), (100, "100"), (70.09, "70.1"), (0.5, "0.5"), (None, "")]
)
def test_a_bar_s_value_is_written_as_people_write_it(value: float | None, text: str) -> None:
    assert bar_label(value) == text


def test_the_first_and_the_last_day_that_there_are_can_be_drawn() -> None:
    points = [(date.min, 1.0), (date(2017, 1, 1), 2.0), (date.max, 3.0)]
    drawn = line_chart({"rows": points}, title="Rows", x="", y="rows")
    assert "data:image/png;base64," in str(drawn.value)
