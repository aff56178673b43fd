"""Why a job failed, in a few words: an engine's message can be two hundred lines of Java.

The reason is the first sentence of the error and, where the engine names one, the innermost cause.
"""

from __future__ import annotations

import errno
import os
import re
import traceback

LONGEST_REASON = 600
FRAMES = 20
_CONDITION = re.compile(r"\[[A-Z][A-Z0-9_.]+\]")
# An error of ours in a worker, as the engine relays it.
_OURS = re.compile(r"\bspark\.failures\.(\w+)")
ENGINE_CODE = re.compile(r"[/\\](pyspark|py4j)[/\\]")


def reason_of(error: BaseException) -> str:
    """Return the reason of the error, at most `LONGEST_REASON` characters."""
    lines = _meaningful_lines(str(error))
    head = lines[0] if lines else ""
    cause = _innermost_cause(str(error))
    name = type(error).__name__
    text = head if head.startswith(name) else f"{name}: {head}"
    if cause and cause not in text:
        text = f"{text} Cause: {cause}"
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


def harmless_reason_of(error: BaseException) -> str:
    """What an engine's message says in words of its own: no value of a row can be among them."""
    text = str(error)
    conditions = dict.fromkeys([*_CONDITION.findall(text), *_OURS.findall(text)])
    no_room = os.strerror(errno.ENOSPC)
    return " ".join([type(error).__name__, *conditions, *([no_room] if no_room in text else [])])


def frames_of(error: BaseException) -> str:
    """Return the last of our own Python frames that led to the error, without the engine's."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if not ENGINE_CODE.search(frame.filename)]
    return "".join(traceback.format_list(ours[-FRAMES:]))


def _meaningful_lines(message: str) -> list[str]:
    """The message without Java frames and without py4j's preamble."""
    lines = [line.strip().lstrip(": ") for line in message.splitlines()]
    return [
        line
        for line in lines
        if line and not line.startswith(("at ", "... ", "An error occurred while calling"))
    ]


def _innermost_cause(message: str) -> str | None:
    """The last `Caused by:`, or the last line of a Python traceback that the engine relays."""
    lines = message.splitlines()
    causes = [line.split("Caused by:", 1)[1].strip() for line in lines if "Caused by:" in line]
    if "Traceback (most recent call last):" in message:
        after = message.rsplit("Traceback (most recent call last):", 1)[1].splitlines()
        ends = [line for line in after if line and not line[0].isspace()]
        if ends:
            return ends[0].strip()
    return causes[-1] if causes else None
