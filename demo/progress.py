"""What the platform is doing, on the screen while it does it.

A line for each part that has ended, the same on a terminal and in a pipe. What is at work now is a
line that moves on a terminal; in a pipe nobody sees a line move, so one is written when nothing was
for some seconds, and later ones after ever longer silence.

The hazard: Dagster redirects the standard output of this process into its compute logs while a step
runs. The console that is used here must therefore write to a descriptor of its own.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from product360_assets.automation.progress import Finished

if TYPE_CHECKING:
    from rich.console import RenderableType

    from product360_assets.automation.progress import Seen

# With a space before each 79 columns, for a terminal has 80; negative ones stand to the left.
_COLUMNS: Final = {
    "zone": -8,
    "what": -19,
    "in": 11,
    "out": 11,
    "quarantined": 11,
    "checks": 6,
    "took": 6,
}
_FIRST_SILENCE_SECONDS: Final = 5.0
_LONGEST_SILENCE_SECONDS: Final = 60.0
_FRAMES_PER_SECOND: Final = 4


def own_console() -> Console:
    """A console on a descriptor of its own, which nobody redirects."""
    number = os.dup(sys.stdout.fileno())
    # Line by line, so that a reader of a pipe sees a line when it is written.
    return Console(file=os.fdopen(number, "w", buffering=1, encoding=sys.stdout.encoding))


class ProgressLines:
    """Writes the lines, and is itself the moving line, which rich draws again and again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._zone = ""
        self._has_header = False
        self._now = ""
        self._said = ""
        self._since = self._written = time.monotonic()
        self._silence = _FIRST_SILENCE_SECONDS
        self._spinner = Spinner("dots")

    def watch(self, seen: Seen) -> None:
        """Take in what the platform did last; from any thread."""
        if isinstance(seen, Finished):
            self._write_finished(seen)
        else:
            # Steps are named for their zone and table where they make one, else for what they do.
            _, of_zone, table = seen.step.partition(seen.zone)
            what = table.strip("_").replace("__", ".") if of_zone else seen.name
            self.begin(f"{seen.zone} {what}", said=seen.said)

    def begin(self, what: str, *, said: str = "") -> None:
        """Something is at work now, and `said` is the last that it said of itself."""
        if self._now != what:
            self._now, self._since = what, time.monotonic()
        self._said = " ".join(said.split())

    def write(self, line: str) -> None:
        """One line of text, as it is."""
        self._write(Padding(escape(line), (0, 0, 0, 3), expand=False))

    def write_if_silent(self) -> None:
        """Say what is at work if nothing was written for long."""
        if self._now and time.monotonic() - self._written >= self._silence:
            longer = min(2 * self._silence, _LONGEST_SILENCE_SECONDS)
            self._write(Padding(_cropped(f" … {self._at_work()}"), 0))
            self._silence = longer

    def __rich__(self) -> RenderableType:
        """The moving line."""
        frame = self._spinner.render(self._console.get_time())
        return _cropped(f" {frame} {self._at_work()}" if self._now else "")

    def _at_work(self) -> str:
        seconds = time.monotonic() - self._since
        return f"{seconds:3.0f} s  {self._now}{': ' if self._said else ''}{self._said}"

    def _write_finished(self, done: Finished) -> None:
        if not self._has_header:
            self._has_header = True
            self._write(Text(_line({name: name for name in _COLUMNS}), style="dim"))
        zone = done.zone if done.zone != self._zone else ""
        self._zone = done.zone
        self._write(Text(_line({"zone": zone, **_cells(done)}), style=_style(done)))

    def _write(self, shown: RenderableType) -> None:
        self._console.print(shown, highlight=False)
        self._written = time.monotonic()
        self._silence = _FIRST_SILENCE_SECONDS


@contextmanager
def progress_lines(console: Console) -> Iterator[ProgressLines]:
    """Lines that say what is going on, while the block runs."""
    lines = ProgressLines(console)
    if console.is_terminal:
        with Live(
            lines,
            console=console,
            refresh_per_second=_FRAMES_PER_SECOND,
            transient=True,
            # The jobs' own output goes to Dagster's compute logs.
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield lines
        return
    ended = threading.Event()
    speaker = threading.Thread(target=_speak, args=(lines, ended), name="progress", daemon=True)
    speaker.start()
    try:
        yield lines
    finally:
        ended.set()
        speaker.join()


def _speak(lines: ProgressLines, ended: threading.Event) -> None:
    while not ended.wait(1):
        lines.write_if_silent()


def _cropped(line: str) -> Text:
    """Text that stays on its line, whatever somebody said; a Text printed bare forgets it."""
    return Text(line, no_wrap=True, overflow="ellipsis")


def _cells(done: Finished) -> dict[str, str]:
    """The cells of one line; what is no number of rows says what it is."""
    came, went = _counted(done.rows_in), _counted(done.rows_out)
    if done.batches is not None and done.files is not None:
        came, went = _counted(done.files, "file"), _counted(done.batches, "batch", "batches")
    elif done.rows_out is None:
        went = _counted(done.files, "file")
    if done.outcome in ("unchanged", "recovered"):
        came = done.outcome
    if done.failed:
        came, went = "", "failed" if done.reached else "not reached"
    return {
        "what": done.name,
        "in": came,
        "out": went,
        "quarantined": _counted(done.rows_quarantined or None),
        "checks": f"{done.checks_passed}/{done.checks}" if done.checks else "",
        "took": f"{done.seconds:.{0 if done.seconds >= 100 else 1}f} s",
    }


def _counted(count: int | None, one: str = "", many: str = "") -> str:
    if count is None:
        return ""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}" if one else f"{count:,}"


def _style(done: Finished) -> str:
    if done.failed:
        return "red"
    return "yellow" if done.checks_passed < done.checks else ""


def _line(cells: dict[str, str]) -> str:
    """Cells in their columns; a negative width stands to the left, as text does."""
    parts = [
        f"{cells[name]:<{-width}}" if width < 0 else f"{cells[name]:>{width}}"
        for name, width in _COLUMNS.items()
    ]
    return f" {' '.join(parts)}".rstrip()
