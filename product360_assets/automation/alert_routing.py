"""Who hears of which alert: one YAML file, refused as a whole when it contradicts itself.

A route takes alerts by owner, kind and severity; what it does not name, it does not ask for. Every
route that takes an alert adds its receivers.

The hazard is the alert that nobody takes. So the last route must ask for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

from dagster_shared.yaml_utils import parse_yaml_with_source_position
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from product360_assets.core.contract import Owner
from product360_assets.core.treatments import Name, Text
from resources.alert_receivers import LogReceiver, Receiver, SnsReceiver, WebhookReceiver
from resources.alerts import Alert, AlertKind, Severity
from resources.errors import RoutingInvalid
from resources.secrets import SecretsResource

DEFAULT = Path(__file__).with_name("alerts.yaml")
# Of these, a route that asks for one takes the later ones too.
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogTarget(_Strict):
    """A file of JSON lines in the home."""

    type: Literal["log"]

    def receiver(self, *, home: Path, secrets: SecretsResource) -> Receiver:
        """The receiver that this describes."""
        return LogReceiver(home / "alerts.jsonl")


class WebhookTarget(_Strict):
    """An address that takes JSON by POST, kept as a secret with `url` and perhaps `token`."""

    type: Literal["webhook"]
    secret: Text = Field(description="Reference into the secrets, never a secret")

    def receiver(self, *, home: Path, secrets: SecretsResource) -> Receiver:
        """The receiver that this describes; the secret is read when something is sent."""
        return WebhookReceiver(lambda: secrets.get(self.secret))


class SnsTarget(_Strict):
    """A topic of Amazon SNS."""

    type: Literal["sns"]
    topic_arn: str = Field(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$")

    def receiver(self, *, home: Path, secrets: SecretsResource) -> Receiver:
        """The receiver that this describes."""
        return SnsReceiver(self.topic_arn)


Target: TypeAlias = Annotated[LogTarget | WebhookTarget | SnsTarget, Field(discriminator="type")]


class Route(_Strict):
    """Which alerts go to which receivers."""

    owners: tuple[Owner, ...] = ()
    kinds: tuple[AlertKind, ...] = ()
    at_least: Severity = "warning"
    to: tuple[Name, ...] = Field(min_length=1)

    @property
    def takes_all(self) -> bool:
        """Whether it asks for nothing."""
        return not self.owners and not self.kinds and self.at_least == SEVERITIES[0]

    def takes(self, kind: AlertKind, severity: Severity, owners: tuple[str, ...]) -> bool:
        """Whether it takes an alert of this kind, severity and owners."""
        return (
            (not self.owners or bool(set(self.owners) & set(owners)))
            and (not self.kinds or kind in self.kinds)
            and SEVERITIES.index(severity) >= SEVERITIES.index(self.at_least)
        )


class Routing(_Strict):
    """The whole file."""

    repeat_hours: float = Field(24, gt=0, description="How long an alert may stand untold again")
    runbooks: Text = Field("docs/runbooks", description="Folder or address of the runbooks")
    receivers: Mapping[Name, Target] = Field(min_length=1)
    routes: tuple[Route, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _every_alert_reaches_a_known_receiver(self) -> Routing:
        for route in self.routes:
            if unknown := [name for name in route.to if name not in self.receivers]:
                raise ValueError(
                    f"a route leads to {unknown[0]!r}; receivers are {', '.join(self.receivers)}"
                )
        if not self.routes[-1].takes_all:
            raise ValueError("the last route must take every alert: give it `to` and nothing else")
        return self

    def receivers_of(
        self, kind: AlertKind, severity: Severity, owners: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Names of the receivers of an alert, each once, in the order of the routes."""
        taking = (route for route in self.routes if route.takes(kind, severity, owners))
        return tuple(dict.fromkeys(name for route in taking for name in route.to))

    def runbook(self, alert: Alert) -> str:
        """Where the next moves for this kind of alert are written."""
        return f"{self.runbooks.rstrip('/')}/{alert.kind}.md"


def read_routing(path: Path | None = None) -> Routing:
    """The routing in a YAML file; without one, the routing that comes with the platform.

    Raises:
        RoutingInvalid: there is no such file, or it does not follow the model; the message names
            file and line.
    """
    path = path or DEFAULT
    try:
        parsed = parse_yaml_with_source_position(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise _invalid(str(path), f"no file that can be read ({error.strerror})") from error
    except Exception as error:
        raise _invalid(str(path), "something that is no YAML") from error
    try:
        return Routing.model_validate(parsed.value)
    except ValidationError as error:
        first = error.errors()[0]
        position, _ = parsed.source_position_tree.lookup_closest_and_path([*first["loc"]], None)
        found = f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
        raise _invalid(f"{path}:{position.start.line}", found) from error


def _invalid(where: str, found: str) -> RoutingInvalid:
    return RoutingInvalid(
        where,
        found=found,
        expected="alert routes as docs/alerts.md describes them",
        next_move="correct that line, or unset PRODUCT360_ALERTS for the log alone",
    )
