"""Alert sensors: what failed becomes a signal, and what is well again closes its alert.

    run_alerts      each run that failed, once; closed when the same work succeeds
    check_alerts    each check whose newest result does not hold; closed by one that does

Signals become alerts, and alerts are told, in `resources.alert_book`; who hears of them is written
in `alerts.yaml`. Both sensors only look and tell: they start nothing.

The hazard: a sensor may die after it told somebody and before its cursor is kept. Then it meets the
same failures again, and the book knows them by their ids.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of sensors as types.

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from product360_assets.automation.alert_routing import Routing, read_routing
from product360_assets.automation.signals import (
    check_subject,
    failed_run,
    failing_check,
    holds,
    succeeded_at,
)
from resources.alert_book import AlertBook
from resources.alert_receivers import Receiver
from resources.alerts import Alert, AlertStoreResource, Change, Signal
from resources.environments import settings
from resources.secrets import SecretsResource

EVERY_HALF_MINUTE = 30
RUNS_AT_ONCE = 100
# What failed before the first tick is told if it is not older than this.
FIRST_LOOK_BACK_SECONDS = 24 * 3600.0


def alert_sensors() -> list[dg.SensorDefinition]:
    """Both of them, running from the start."""
    return [run_alerts(), check_alerts()]


def run_alerts() -> dg.SensorDefinition:
    """Tells of failed runs."""

    @dg.sensor(
        name="run_alerts",
        minimum_interval_seconds=EVERY_HALF_MINUTE,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of each run that failed, and when the same work succeeds again.",
    )
    def look(
        context: dg.SensorEvaluationContext, alerts: AlertStoreResource, secrets: SecretsResource
    ) -> dg.SensorResult:
        desk = AlertDesk.open(alerts, secrets)
        cursor = RunCursor.read(context.cursor)
        failures = context.instance.fetch_run_status_changes(
            dg.RunStatusChangeRecordsFilter(
                dg.DagsterEventType.RUN_FAILURE, after_timestamp=cursor.since
            ),
            limit=RUNS_AT_ONCE,
            cursor=cursor.position,
            ascending=True,
        )
        for record in failures.records:
            run = context.instance.get_run_by_id(record.run_id)
            if run is not None:
                graph = _repository(context).asset_graph
                desk.note(failed_run(context.instance, run, record.timestamp, graph))
        for alert in desk.standing():
            ended = succeeded_at(context.instance, alert) if alert.kind == "failed_run" else None
            if ended is not None:
                desk.book.resolve(alert.kind, alert.subject, at=ended)
        said = f"{len(failures.records)} runs have failed since the last look."
        return dg.SensorResult(
            skip_reason=f"{said} {desk.deliver(context)}",
            cursor=RunCursor(cursor.since, failures.cursor).write(),
        )

    return look


def check_alerts() -> dg.SensorDefinition:
    """Tells of checks that do not hold."""

    @dg.sensor(
        name="check_alerts",
        minimum_interval_seconds=EVERY_HALF_MINUTE,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of each check that does not hold, and when it holds again.",
    )
    def look(
        context: dg.SensorEvaluationContext, alerts: AlertStoreResource, secrets: SecretsResource
    ) -> dg.SensorResult:
        desk = AlertDesk.open(alerts, secrets)
        graph = _repository(context).asset_graph
        newest = context.instance.event_log_storage.get_latest_asset_check_execution_by_key(
            sorted(graph.asset_check_keys)
        )
        standing = {(alert.kind, alert.subject) for alert in desk.standing()}
        failing = 0
        for key, record in newest.items():
            signal = failing_check(record, graph.get(key.asset_key).owners)
            if signal is not None:
                desk.note(signal)
                failing += 1
            elif holds(record) and check_subject(key) in standing:
                desk.book.resolve(*check_subject(key), at=datetime.now(UTC))
        said = f"Of {len(newest)} checks {failing} do not hold."
        return dg.SensorResult(skip_reason=f"{said} {desk.deliver(context)}")

    return look


@dataclass(frozen=True)
class RunCursor:
    """Up to where failures were read, and since when they are looked at, in seconds since 1970."""

    since: float
    position: str | None = None

    @classmethod
    def read(cls, text: str | None) -> "RunCursor":
        """The cursor in a text that `write` made; without one, a new one."""
        if text:
            return cls(*json.loads(text))
        return cls(time.time() - FIRST_LOOK_BACK_SECONDS)

    def write(self) -> str:
        """The cursor as a text."""
        return json.dumps([self.since, self.position])


@dataclass(frozen=True)
class AlertDesk:
    """Where signals are noted, and alerts sent off to those whom the routing names."""

    book: AlertBook
    routing: Routing
    receivers: Mapping[str, Receiver]

    @classmethod
    def open(cls, alerts: AlertStoreResource, secrets: SecretsResource) -> "AlertDesk":
        """The desk of this environment.

        Raises:
            RoutingInvalid: the file of routes cannot be followed.
        """
        chosen = settings()
        routing = read_routing(chosen.alert_routes)
        receivers = {
            name: target.receiver(home=chosen.home, secrets=secrets)
            for name, target in routing.receivers.items()
        }
        window = timedelta(hours=routing.repeat_hours)
        return cls(AlertBook(alerts.open(), window), routing, receivers)

    def note(self, signal: Signal) -> None:
        """Count a signal; if it opens an alert, those whom the routing names will hear of it."""
        names = self.routing.receivers_of(signal.kind, signal.severity, signal.owners)
        self.book.note(signal, names)

    def standing(self) -> list[Alert]:
        """The alerts that are open."""
        return [alert for alert in self.book.alerts() if alert.is_open]

    def deliver(self, context: dg.SensorEvaluationContext) -> str:
        """Send what is due, and say in one sentence how that went."""
        in_vain: list[str] = []
        sent = self.book.deliver(self._send, now=datetime.now(UTC), failed=in_vain.append)
        for failure in in_vain:
            context.log.warning(f"not delivered, and tried again later: {failure}")
        return f"{sent} notices were delivered, {len(in_vain)} were not."

    def _send(self, receiver: str, alert: Alert, change: Change) -> None:
        self.receivers[receiver].send(alert_notice(alert, change, self.routing))


def alert_notice(alert: Alert, change: Change, routing: Routing) -> dict[str, Any]:
    """What a receiver gets: the alert, what happened to it, and where its next moves stand."""
    return {
        "alert_id": alert.alert_id,
        "change": change,
        "kind": alert.kind,
        "subject": alert.subject,
        "severity": alert.severity,
        "owners": list(alert.owners),
        "summary": alert.summary,
        "facts": dict(alert.facts),
        "count": alert.count,
        "opened_at": alert.opened_at,
        "last_at": alert.last_at,
        "resolved_at": alert.resolved_at or None,
        "runbook": routing.runbook(alert),
    }


def _repository(context: dg.SensorEvaluationContext) -> dg.RepositoryDefinition:
    repository = context.repository_def
    if repository is None:
        raise dg.DagsterInvariantViolationError("an alert sensor works within a repository")
    return repository
