"""What AWS DMS says of a task's tables, over the wire, in the words of its own model.

The server on loopback reads and writes as the service's model says: a request or an answer that
DMS could not have sent or given fails here. It cannot show what DMS really says of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from modelled import serving

from resources.dms import TABLES_AT_ONCE, DmsReplication, table_statistics
from resources.errors import (
    Product360Error,
    SecretMissing,
    ServiceUnavailable,
    SourceRejected,
)
from resources.replication import CapturedTable, SourceTable, StreamPosition
from resources.validation import TableToValidate, ValidationRequest

TASK = "arn:aws:dms:eu-west-1:123456789012:task:ABC"
SERVERLESS = "arn:aws:dms:eu-west-1:123456789012:replication-config:ABC"
NOON = datetime(2017, 5, 1, 12, tzinfo=UTC)


@dataclass
class Dms:
    """Answers by operation: pages in order, or an error's name."""

    pages: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    refusal: str | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, operation: str, asked: dict[str, Any]) -> tuple[int, Mapping[str, Any]]:
        self.asked.append((operation, asked))
        if self.refusal is not None:
            return 400, {"__type": self.refusal, "message": "No."}
        return 200, self.pages[operation][int(asked.get("Marker", 0))]


@pytest.fixture
def dms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dms]:
    service = Dms()
    with serving("dms", service) as settings:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield service


def statistics(table: str, state: str, *counts: int, **more: object) -> dict[str, Any]:
    names = (f"Validation{name}Records" for name in ("Pending", "Failed", "Suspended"))
    return {
        "SchemaName": "pos",
        "TableName": table,
        "ValidationState": state,
        "LastUpdateTime": NOON,
        **dict(zip(names, counts, strict=False)),
        **more,
    }


def asked_for(*tables: str) -> ValidationRequest:
    position = StreamPosition("1", 1, NOON, 1)
    return ValidationRequest(
        "pos",
        None,
        tuple(
            TableToValidate(
                CapturedTable(SourceTable(f"our_{name}", "pos", name), "E1", position, "", ()),
                files=(),
                is_whole=True,
            )
            for name in tables
        ),
    )


def test_every_table_is_said_in_our_words_over_as_many_pages_as_there_are(dms: Dms) -> None:
    later = NOON.replace(hour=13)
    dms.pages["DescribeTableStatistics"] = [
        {"TableStatistics": [statistics("basket", "Validated", 0, 0, 0)], "Marker": "1"},
        {"TableStatistics": [], "Marker": "2"},
        {
            "TableStatistics": [
                statistics("line", "Mismatched records", 1, 2, 3, LastUpdateTime=later),
                statistics("unasked", "Error", 0, 0, 0),
            ]
        },
    ]
    log: list[str] = []

    report = DmsReplication().validation(
        asked_for("line", "basket"), connection={"replication_task": TASK}, log=log.append
    )

    assert (report.source, report.validated_at) == ("pos", later)
    assert [(t.table, t.state, t.pending, t.failed, t.suspended) for t in report.tables] == [
        ("our_line", "Mismatched records", 1, 2, 3),
        ("our_basket", "Validated", 0, 0, 0),
    ]
    assert [markers.get("Marker") for _, markers in dms.asked] == [None, "1", "2"]
    assert {asked["MaxRecords"] for _, asked in dms.asked} == {TABLES_AT_ONCE}
    assert {asked["ReplicationTaskArn"] for _, asked in dms.asked} == {TASK}
    assert log[0] == "our_line: Mismatched records, as AWS DMS says"


def test_a_serverless_replication_is_asked_by_its_own_operation(dms: Dms) -> None:
    operation = "DescribeReplicationTableStatistics"
    dms.pages[operation] = [
        {"ReplicationTableStatistics": [statistics("a", "Validated")], "Marker": "1"},
        {"ReplicationTableStatistics": [statistics("b", "Validated")]},
    ]
    assert [each["TableName"] for each in table_statistics(SERVERLESS)] == ["a", "b"]
    assert [(name, asked["ReplicationConfigArn"]) for name, asked in dms.asked] == [
        (operation, SERVERLESS)
    ] * 2


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("Not enabled", "Not enabled"),
        ("Pending records", "Pending records"),
        ("Suspended records", "Suspended records"),
        ("No primary key", "No primary key"),
        ("Table error", "Table error"),
        ("Preparing table", "Pending validation"),
        ("Pending revalidation", "Pending validation"),
        ("Error", "Table error"),
        ("A state of next year", "Table error"),
    ],
)
def test_states_that_only_the_service_has_are_never_taken_for_good(
    dms: Dms, said: str, ours: str
) -> None:
    secret = "the value 4711 differs"
    told = statistics("line", said, 1, ValidationStateDetails=secret)
    dms.pages["DescribeTableStatistics"] = [{"TableStatistics": [told]}]
    report = DmsReplication().validation(
        asked_for("line"), connection={"replication_task": TASK}, log=lambda _: None
    )
    assert report.tables[0].state == ours
    assert "4711" not in repr(report)


def test_a_table_that_the_task_does_not_know_is_an_error_that_says_so(dms: Dms) -> None:
    dms.pages["DescribeTableStatistics"] = [{"TableStatistics": []}]
    report = DmsReplication().validation(
        asked_for("line"), connection={"replication_task": TASK}, log=lambda _: None
    )
    [found] = report.tables
    assert found.state == "Table error"
    [failure] = found.failures
    assert (failure["FAILURE_TYPE"], failure["TABLE_NAME"]) == ("TABLE_WARNING", "line")
    assert failure["DETAILS"] == "the task of AWS DMS has no such table"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ResourceNotFoundFault", SourceRejected),
        ("InvalidResourceStateFault", ServiceUnavailable),
        ("AccessDeniedFault", ServiceUnavailable),
        ("UnrecognizedClientException", ServiceUnavailable),
    ],
)
def test_a_refusal_is_an_error_of_ours(dms: Dms, code: str, error: type[Product360Error]) -> None:
    dms.refusal = code
    with pytest.raises(error, match=TASK):
        DmsReplication().validation(
            asked_for("line"), connection={"replication_task": TASK}, log=lambda _: None
        )
    # An answer is not asked for again.
    assert len(dms.asked) == 1


def test_a_connection_without_a_task_is_named_without_what_else_it_holds(dms: Dms) -> None:
    with pytest.raises(SecretMissing, match="replication_task") as missing:
        DmsReplication().validation(
            asked_for("line"), connection={"password": "4711"}, log=lambda _: None
        )
    assert "4711" not in str(missing.value)
    assert dms.asked == []


USES: list[Callable[[DmsReplication], object]] = [
    lambda service: service.clock({}),
    lambda service: service.pending({}, "pos"),
    lambda service: service.full_load(None, connection={}, landing=None, log=print),
    lambda service: service.finished_load("pos", "1", landing=None),
    lambda service: service.changes(None, connection={}, landing=None, log=print),
    lambda service: service.finished_changes("pos", "1", landing=None),
]


@pytest.mark.parametrize("use", USES)
def test_what_the_service_is_not_asked_for_yet_is_refused(
    use: Callable[[DmsReplication], object],
) -> None:
    with pytest.raises(ServiceUnavailable, match="the adapter that drives replication tasks"):
        use(DmsReplication())
