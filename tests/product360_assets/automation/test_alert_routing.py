"""Alerts go by owner, kind and severity; a file that loses one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from product360_assets.automation.alert_routing import Routing, read_routing
from resources.alerts import AlertKind
from resources.errors import RoutingInvalid

REPOSITORY = Path(__file__).parents[3]
ROUTES = """
receivers:
  log: {type: log}
  shop: {type: webhook, secret: shop_hook}
  pager: {type: sns, topic_arn: "arn:aws:sns:eu-west-1:111122223333:pager"}
routes:
  - {owners: ["team:shop"], to: [shop]}
  - {kinds: [failed_run], at_least: error, to: [pager, shop]}
  - {to: [log]}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "alerts.yaml").write_text(ROUTES)
    return tmp_path / "alerts.yaml"


def test_without_a_file_everything_goes_to_the_log() -> None:
    routing = read_routing()
    for kind in get_args(AlertKind):
        assert routing.receivers_of(kind, "warning", ()) == ("log",)


@pytest.mark.parametrize(
    ("kind", "severity", "owners", "receivers"),
    [
        ("failed_check", "warning", (), ("log",)),
        ("failed_check", "warning", ("team:other", "team:shop"), ("shop", "log")),
        ("failed_run", "error", ("team:shop",), ("shop", "pager", "log")),
        ("failed_run", "error", ("team:other",), ("pager", "shop", "log")),
        ("failed_run", "warning", ("team:other",), ("log",)),
    ],
)
def test_every_route_that_takes_an_alert_adds_its_receivers(
    path: Path, kind: AlertKind, severity: str, owners: tuple[str, ...], receivers: tuple[str, ...]
) -> None:
    assert read_routing(path).receivers_of(kind, severity, owners) == receivers  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("to: [shop]", "to: [nobody]", "'nobody'"),
        ("- {to: [log]}", "- {kinds: [failed_run], to: [log]}", "the last route must take every"),
        ("type: webhook, secret: shop_hook", "type: webhook, url: http://x", "secret"),
        ("type: log", "type: pigeon", "pigeon"),
        ("kinds: [failed_run]", "kinds: [failed_ruin]", "failed_run"),
        ("to: [shop]}", "to: [shop}", "YAML"),
        ("routes:", "roads:", "routes: Field required"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    path: Path, wrong: str, right: str, said: str
) -> None:
    assert wrong in ROUTES
    path.write_text(ROUTES.replace(wrong, right, 1))
    with pytest.raises(RoutingInvalid, match=said):
        read_routing(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RoutingInvalid, match=r"nowhere\.yaml: found no file"):
        read_routing(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("kind", get_args(AlertKind))
def test_every_kind_of_alert_has_a_runbook_with_next_moves(kind: str) -> None:
    text = (REPOSITORY / "docs" / "runbooks" / f"{kind}.md").read_text()
    assert text.startswith("# ")
    assert text.count("\n1. ") == 1
    assert "The alert closes by itself when" in text


def test_the_routing_in_the_documentation_is_right(path: Path) -> None:
    text = (REPOSITORY / "docs" / "alerts.md").read_text()
    path.write_text(text.split("```yaml\n")[1].split("```")[0])
    assert isinstance(read_routing(path), Routing)
