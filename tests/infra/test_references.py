"""Which secrets a deployment has places for: those of whoever asks for one, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.plan import Plan, read_plan
from infra.references import references
from product360_assets.automation.alert_routing import WebhookTarget, read_routing
from product360_assets.core.contract import load_contracts
from resources.errors import SettingInvalid

ROUTES = """
receivers:
  log: {type: log}
  tills: {type: webhook, secret: tills_webhook}
  pager: {type: sns, topic_arn: "arn:aws:sns:eu-west-1:111122223333:pager"}
  desk: {type: webhook, secret: desk-webhook}
routes:
  - {owners: ["team:store-systems"], to: [tills]}
  - {to: [log]}
"""


def planned(tmp_path: Path, routes: str) -> Plan:
    (tmp_path / "alerts.yaml").write_text(routes)
    (tmp_path / "plan.yaml").write_text("alerts: alerts.yaml\n")
    return read_plan(tmp_path / "plan.yaml")


def connections() -> set[str]:
    return {each.connection for each in load_contracts().values() if each.connection}


def test_without_routes_there_are_connections_and_the_ring_of_keys() -> None:
    assert set(references(Plan())) == connections() | {"treatment_keys"}


def test_every_webhook_of_the_alert_routes_gets_a_place(tmp_path: Path) -> None:
    found = references(planned(tmp_path, ROUTES))
    # As the platform reads the same file.
    receivers = read_routing(tmp_path / "alerts.yaml").receivers.values()
    webhooks = {each.secret for each in receivers if isinstance(each, WebhookTarget)}
    assert webhooks == {"tills_webhook", "desk-webhook"}
    assert set(found) == connections() | webhooks | {"treatment_keys"}
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("routes", "found"),
    [
        ("receivers: [tills]", "receivers: Input"),
        ("receivers: {tills: {secret: tills_webhook}}", "receivers.tills.type"),
        ("routes: []", "receivers: Field required"),
        ("[", "no YAML"),
        ("", "file: Input"),
    ],
)
def test_routes_that_list_no_receivers_are_refused_and_not_quoted(
    tmp_path: Path, routes: str, found: str
) -> None:
    with pytest.raises(SettingInvalid, match=found) as refused:
        references(planned(tmp_path, routes))
    assert "tills_webhook" not in str(refused.value)


def test_routes_that_are_not_there_are_no_empty_ones(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text("alerts: elsewhere/alerts.yaml\n")
    with pytest.raises(SettingInvalid, match="FileNotFoundError"):
        references(read_plan(tmp_path / "plan.yaml"))
