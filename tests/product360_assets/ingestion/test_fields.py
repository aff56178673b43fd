"""Fields of a service from execution to execution, as its landing asset tells of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from product360_assets.core.keys import landing_key
from product360_assets.ingestion.assets import landing_assets, source_specs
from product360_assets.ingestion.fields import continued, history_of
from resources.ledger import Ledger, LedgerResource
from resources.local.registry import SqliteRegistryResource
from resources.local.saas import LocalSaas
from resources.local.saas_fields import FieldsSeen
from resources.local.secrets import LocalSecrets
from resources.objects import LakeResource

TICKET = landing_key("desk", "ticket")
DECLARED = (("ticket_id", "bigint"), ("subject", "varchar"), ("modified_at", "timestamp"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


class Ingested:
    """Runs the ingestion of the desk, one day after the other."""

    def __init__(
        self,
        desk: Any,
        instance: dg.DagsterInstance,
        lake: LakeResource,
        ledger: LedgerResource,
        secrets: LocalSecrets,
        registry: SqliteRegistryResource,
    ) -> None:
        self.desk = desk
        self.instance = instance
        self.day = 1
        self.secrets = secrets
        self.resources = {
            "lake": lake,
            "ledger": ledger,
            "registry": registry,
            "secrets": secrets,
            "saas": LocalSaas(),
        }

    def __call__(self, *, reload: bool = False) -> tuple[dict[str, Any], dg.AssetCheckEvaluation]:
        """What the landing asset and its check say of the next day's run."""
        self.day += 1
        clock = f"2017-05-{self.day:02d}T12:00:00Z"
        self.secrets.publish("desk_api", {**self.desk.connection, "clock": clock})
        result = dg.materialize(
            [landing_assets(self.desk.contract), *source_specs(self.desk.contract)],
            instance=self.instance,
            resources=self.resources,
            run_config=dg.RunConfig(ops={"ingest_desk": {"config": {"reload": reload}}}),
        )
        [event] = result.asset_materializations_for_node("ingest_desk")
        [check] = result.get_asset_check_evaluations()
        return {name: value.value for name, value in event.metadata.items()}, check

    def tomorrow(self) -> str:
        return f"2017-05-{self.day + 1:02d}T06:00:00+00:00"


@pytest.fixture
def ingest(
    desk: Any,
    instance: dg.DagsterInstance,
    lake: LakeResource,
    ledger_resource: LedgerResource,
    tmp_path: Any,
) -> Ingested:
    secrets = LocalSecrets(path=str(tmp_path / "secrets.json"))
    registry = SqliteRegistryResource(path=str(tmp_path / "registry.db"))
    return Ingested(desk, instance, lake, ledger_resource, secrets, registry)


def changes(check: dg.AssetCheckEvaluation) -> list[str]:
    found: Any = check.metadata["changes"].value
    return list(found)


def test_a_field_that_appears_is_named_with_its_first_execution_and_type(
    ingest: Ingested, desk: Any, ledger: Ledger
) -> None:
    said, check = ingest()
    assert (check.passed, check.severity) == (True, dg.AssetCheckSeverity.WARN)
    assert said["rows delivered"] == 9

    desk.tickets.redefine(
        (*DECLARED, ("priority", "bigint")), lambda record: {**record, "priority": 3}
    )
    desk.add(100, ingest.tomorrow(), priority=1)
    said, check = ingest()

    [first, second] = ledger.deliveries("desk", "ticket")
    expected = f"priority appeared with execution {second.delivery_id} (integer)"
    assert not check.passed
    assert changes(check) == [expected]
    assert said["field changes"] == expected == second.details["field changes"]
    assert first.details["field changes"] == ""

    desk.add(101, ingest.tomorrow(), priority=2)
    said, check = ingest()
    assert changes(check) == [expected], "it stands until somebody acts"
    assert "field changes" not in said, "it is no news of this execution"


def test_a_field_that_vanishes_is_named_until_it_comes_back(ingest: Ingested, desk: Any) -> None:
    ingest()
    desk.tickets.redefine([DECLARED[0], DECLARED[2]], lambda record: record)
    desk.add(100, ingest.tomorrow())
    _, check = ingest()
    assert [text.split(" with ")[0] for text in changes(check)] == ["subject vanished"]

    _, check = ingest()
    assert len(changes(check)) == 1, "a day without records says nothing of fields"

    desk.tickets.redefine(DECLARED, lambda record: {"subject": "back", **record})
    desk.add(101, ingest.tomorrow())
    _, check = ingest()
    assert check.passed


def test_a_field_that_changes_its_type_is_named_with_the_new_one(
    ingest: Ingested, desk: Any
) -> None:
    ingest()
    desk.add(100, ingest.tomorrow(), subject=17)
    _, check = ingest()

    [change] = changes(check)
    assert change.startswith("subject changed type with execution ")
    assert change.endswith("(integer)")

    _, check = ingest(reload=True)
    assert check.passed, "a reload draws a new base line"


def test_no_value_is_kept_of_a_field(ingest: Ingested, desk: Any, ledger: Ledger) -> None:
    desk.add(100, "2017-05-01T10:00:00+00:00", subject="canary-4711")
    ingest()

    [delivery] = ledger.deliveries("desk", "ticket")
    assert "canary" not in str(delivery)


def test_types_are_those_of_json_and_null_is_none() -> None:
    seen = FieldsSeen()
    seen.add([{"a": 1, "b": None, "c": [1]}, {"a": 1.5, "b": None, "d": {"x": True}}])
    seen.add([{"a": "x", "e": False}])

    assert seen.types() == {
        "a": ("integer", "number", "string"),
        "b": (),
        "c": ("array",),
        "d": ("object",),
        "e": ("boolean",),
    }


TYPES = st.sets(st.sampled_from(["string", "integer"])).map(lambda found: tuple(sorted(found)))


@given(st.lists(st.dictionaries(st.sampled_from("abc"), TYPES), max_size=6))
def test_what_is_said_of_fields_follows_from_what_the_executions_showed(
    executions: list[dict[str, tuple[str, ...]]],
) -> None:
    history = None
    for number, seen in enumerate(executions):
        history = history_of(history.document()) if history else None
        history = continued(history, f"e{number}", seen)

    shown = [seen for seen in executions if seen]
    if not shown:
        assert history is None
        return
    assert history is not None
    said = {(change.field, change.change) for change in history.changes()}
    every = {name for seen in shown for name in seen}
    vanished = {(name, "vanished") for name in every - set(shown[-1])}
    appeared = {(name, "appeared") for name in (every - set(shown[0])) & set(shown[-1])}
    assert vanished | appeared <= said
    assert {change for change in said if change[1] != "changed type"} == vanished | appeared


def test_the_first_whole_pull_is_the_base_line(ingest: Ingested, ledger: Ledger) -> None:
    ingest()
    [delivery] = ledger.deliveries("desk", "ticket")
    history = history_of(delivery.details["fields"])

    assert history is not None
    assert history.base_line == delivery.delivery_id
    assert history.fields["ticket_id"].now == ("integer",)
    assert dt.datetime.fromisoformat(delivery.details["watermark"]).day == 2
