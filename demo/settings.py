"""What the caller chose for the demo company: its scale, and the home it lives in.

The only place in `demo/` that reads the process environment. The hazard: a home belongs to one
scale, because its landing zone holds what the company already delivered; see `demo.home`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from resources.environments import settings
from resources.errors import SettingInvalid

Scale: TypeAlias = Literal["smoke", "demo", "full"]

SEED = 20170101


@dataclass(frozen=True)
class DemoSettings:
    """The company to run: how much of it, and where.

    Attributes:
        scale: which share of the households exists.
        home: the platform's home; the company's own systems live in its folder `company`.
        dagster_home: where Dagster keeps its runs.
    """

    scale: Scale
    home: Path
    dagster_home: Path


def demo_settings() -> DemoSettings:
    """Read SCALE and the platform's settings, now.

    Raises:
        SettingInvalid: SCALE is no known scale, or the platform is not set to this machine.
    """
    platform = settings()
    if platform.environment != "local":
        raise SettingInvalid(
            "PRODUCT360_ENV",
            found=platform.environment,
            expected="local: the demo company lives on this machine",
            next_move="unset it, or set it to local",
        )
    return DemoSettings(
        scale=_scale(os.environ.get("SCALE") or "demo"),
        home=platform.home,
        dagster_home=Path(os.environ.get("DAGSTER_HOME") or platform.home / "dagster"),
    )


def _scale(name: str) -> Scale:
    scales: tuple[Scale, ...] = get_args(Scale)
    for scale in scales:
        if name == scale:
            return scale
    raise SettingInvalid(
        "SCALE",
        found=repr(name),
        expected=" or ".join(scales),
        next_move="for example: make demo SCALE=smoke",
    )
