"""The lines of progress: the same on a terminal and in a pipe, and never silent for long."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from demo import progress
from demo.progress import ProgressLines, progress_lines
from product360_assets.automation.progress import Finished, Working

REPOSITORY = Path(__file__).parents[2]


def part(zone: str, name: str, **facts: object) -> Finished:
    nothing: dict[str, object] = {
        **dict.fromkeys(("files", "batches", "rows_in", "rows_out", "rows_quarantined")),
        "checks": 0,
        "checks_passed": 0,
        "outcome": None,
        "failed": False,
        "reached": True,
        "seconds": 0.25,
    }
    return Finished(zone, name, **{**nothing, **facts})  # type: ignore[arg-type]


def told(*seen: Finished) -> list[str]:
    text = io.StringIO()
    lines = ProgressLines(Console(file=text, width=80))
    for one in seen:
        lines.watch(one)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_the_widest_numbers_fit_a_terminal_of_80_columns() -> None:
    million = 20_940_529
    rows = {"rows_in": million, "rows_out": million, "rows_quarantined": million}
    widest = part(
        "forecast", "product_360_outlook", **rows, checks=12, checks_passed=12, seconds=9999
    )
    header, line = told(widest)
    assert len(header) <= 80
    assert len(line) <= 80
    assert line.split() == [
        "forecast",
        "product_360_outlook",
        *["20,940,529"] * 3,
        "12/12",
        "9999",
        "s",
    ]


def test_a_zone_is_named_when_it_changes() -> None:
    lines = told(part("raw", "a"), part("raw", "b"), part("clean", "a"))[1:]
    assert [line[:9].strip() for line in lines] == ["raw", "", "clean"]


@pytest.mark.parametrize(
    ("facts", "cells"),
    [
        ({"files": 61}, ["61", "files", "0.2", "s"]),
        ({"files": 61, "rows_out": 5}, ["5", "0.2", "s"]),
        ({"files": 61, "batches": 1}, ["61", "files", "1", "batch", "0.2", "s"]),
        ({"outcome": "unchanged", "rows_in": 0, "rows_out": 7}, ["unchanged", "7", "0.2", "s"]),
        ({"failed": True, "rows_out": 7}, ["failed", "0.2", "s"]),
        ({"failed": True, "reached": False}, ["not", "reached", "0.2", "s"]),
        ({"rows_out": 0, "rows_quarantined": 0}, ["0", "0.2", "s"]),
    ],
)
def test_a_number_says_what_it_counts_unless_it_counts_rows(
    facts: dict[str, object], cells: list[str]
) -> None:
    assert told(part("zone", "what", **facts))[1].split()[2:] == cells


def test_in_a_pipe_silence_is_broken_and_then_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "_FIRST_SILENCE_SECONDS", 1.0)
    text = io.StringIO()
    with progress_lines(Console(file=text, width=60)) as lines:
        lines.watch(Working("clean", "shop", "clean__shop__order", "20 rows\nread " + "x" * 80))
        time.sleep(5.5)
    beats = text.getvalue().splitlines()
    assert 2 <= len(beats) <= 3
    assert all("s  clean shop.order: 20 rows read xxx" in line for line in beats)
    assert all(len(line.rstrip()) <= 60 for line in beats)


def test_on_a_terminal_the_line_moves_and_leaves_nothing() -> None:
    text = io.StringIO()
    console = Console(file=text, width=60, force_terminal=True)
    with progress_lines(console) as lines:
        lines.begin("loading the graph")
        time.sleep(0.6)
    assert "loading the graph" in text.getvalue()
    # The last that is written takes the moving line away.
    assert text.getvalue().rstrip().endswith(("\x1b[2K", "\x1b[?25h"))


def test_the_console_is_not_caught_by_whoever_redirects_standard_output() -> None:
    # As Dagster does while a step runs.
    program = (
        "import os, sys; from demo.progress import own_console; console = own_console();"
        "os.dup2(os.open(os.devnull, os.O_WRONLY), 1); console.print('heard'); print('unheard')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "heard\n"
