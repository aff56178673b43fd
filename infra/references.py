"""By which names the platform asks for secrets, read from the files of those who ask.

    connections   product360_assets/sources/*/defs.yaml
    webhooks      the file of alert routes that the plan names
    tokens        the ring of keys, always

The hazard is a receiver of alerts without a place for its address: it deploys well, and the first
alert goes nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from infra.plan import Plan, in_words
from resources.errors import SettingInvalid
from resources.treatment_keys import REFERENCE

SOURCES = Path(__file__).parents[1] / "product360_assets" / "sources"


class _Receiver(BaseModel):
    # What else it says, the platform checks when it reads the file.
    type: str
    secret: str | None = None


class _Routes(BaseModel):
    receivers: Mapping[str, _Receiver]


def references(plan: Plan, sources: Path = SOURCES) -> list[str]:
    """The one list of the deployment's secrets.

    Raises:
        SettingInvalid: the plan's file of alert routes cannot be read, or lists no receivers.
    """
    return sorted({REFERENCE, *_of_connections(sources), *_of_webhooks(plan.alerts)})


def _of_connections(sources: Path) -> set[str]:
    files = sources.glob("*/defs.yaml")
    attributes = [yaml.safe_load(file.read_text(encoding="utf-8"))["attributes"] for file in files]
    return {said["connection"] for said in attributes if "connection" in said}


def _of_webhooks(routes: Path | None) -> set[str]:
    if routes is None:
        return set()
    try:
        said = _Routes.model_validate(yaml.safe_load(routes.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise _invalid(routes, in_words(error)) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _invalid(routes, f"no YAML that can be read ({type(error).__name__})") from error
    return {each.secret for each in said.receivers.values() if each.secret}


def _invalid(routes: Path, found: str) -> SettingInvalid:
    return SettingInvalid(
        f"the alert routes in {routes}",
        found=found,
        expected="alert routes as docs/alerts.md describes them",
        next_move="correct that file, or what the plan says of `alerts`",
    )
