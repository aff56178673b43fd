"""AWS DMS: what a replication task says of its tables, and whether they are what the source holds.

    connection["replication_task"]   ARN of a task, or of a serverless replication configuration

DMS compares by itself, all the time, where the task enables validation; asking costs nothing at the
source. Its states are ours, and three more: a table that is being prepared or compared again waits,
and one that failed for no stated reason is in error.

The hazard: DMS quotes what differs, in its details and in its table of failures. Neither is read.
Which rows differ is told by the service to who may see them; here only how many do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, cast, get_args

from resources.errors import SecretMissing, ServiceUnavailable, SourceRejected
from resources.replication import ReplicationResource
from resources.validation import (
    TableToValidate,
    TableValidation,
    ValidationFailure,
    ValidationReport,
    ValidationRequest,
    ValidationState,
)

SERVICE = "AWS DMS"
TASK = "replication_task"
# As many tables in one answer as the service gives.
TABLES_AT_ONCE = 500
_SERVERLESS = ":replication-config:"
_OTHER_STATES: Final[Mapping[str, ValidationState]] = {
    "Preparing table": "Pending validation",
    "Pending revalidation": "Pending validation",
    "Error": "Table error",
}


class _NothingElse:
    """Refuses what the service is not asked for yet."""

    def _not_yet(self, *_: object, **__: object) -> NoReturn:
        raise ServiceUnavailable(
            SERVICE,
            found="no adapter in this environment for loads and changes",
            expected="the adapter that drives replication tasks",
            next_move="run with PRODUCT360_ENV=local, where it works today",
        )

    clock = full_load = finished_load = changes = finished_changes = pending = _not_yet


class DmsReplication(_NothingElse, ReplicationResource):
    """Replication tasks of AWS DMS; so far, what they say of their tables."""

    def validation(
        self,
        request: ValidationRequest,
        *,
        connection: Mapping[str, str],
        log: Callable[[str], None],
    ) -> ValidationReport:
        """What the task says of the tables; see `ReplicationResource.validation`.

        Raises:
            SecretMissing: the connection names no task.
            SourceRejected: there is no such task.
            ServiceUnavailable: DMS does not answer, or the task never ran.
        """
        task = _task(request.source, connection)
        said = {(each["SchemaName"], each["TableName"]): each for each in table_statistics(task)}
        tables = []
        for table in request.tables:
            known = table.captured.table
            found = said.get((known.schema, known.table))
            tables.append(
                _missing(request, table) if found is None else _validated(known.name, found)
            )
            log(f"{known.name}: {tables[-1].state}, as {SERVICE} says")
        return ValidationReport(request.source, _as_of(said.values()), tuple(tables))


def table_statistics(task: str) -> Iterator[Mapping[str, Any]]:
    """The statistics of every table of a task, in the shape of `DescribeTableStatistics`.

    Raises:
        SourceRejected, ServiceUnavailable: see `DmsReplication.validation`.
    """
    from resources.aws import client

    dms = client("dms")
    if _SERVERLESS in task:
        ask, name, listed = (
            dms.describe_replication_table_statistics,
            "ReplicationConfigArn",
            "ReplicationTableStatistics",
        )
    else:
        ask, name, listed = dms.describe_table_statistics, "ReplicationTaskArn", "TableStatistics"
    marker: dict[str, str] = {}
    while True:
        with _answering(dms, task):
            page = ask(**{name: task, "MaxRecords": TABLES_AT_ONCE}, **marker)
        yield from page.get(listed, [])
        if not page.get("Marker"):
            return
        marker = {"Marker": page["Marker"]}


@contextmanager
def _answering(dms: Any, task: str) -> Iterator[None]:  # noqa: ANN401 - no types are installed
    from resources.aws import translated

    try:
        with translated(SERVICE, task):
            yield
    except dms.exceptions.ResourceNotFoundFault as error:
        raise SourceRejected(
            task,
            found=f"no such task in {SERVICE}",
            expected=f"the ARN of a task or of a replication configuration in the field {TASK!r}",
            next_move="aws dms describe-replication-tasks, and correct the connection's secret",
        ) from error
    except dms.exceptions.InvalidResourceStateFault as error:
        raise ServiceUnavailable(
            f"{SERVICE}, {task}",
            found="a task in a state in which it says nothing of its tables",
            expected="one that was started",
            next_move="start the task, or wait until it runs, and validate again",
        ) from error


def _task(source: str, connection: Mapping[str, str]) -> str:
    if task := connection.get(TASK):
        return task
    raise SecretMissing(
        f"the connection of {source}",
        found=f"no field {TASK!r}",
        expected=f"the ARN of the task of {SERVICE} that replicates it",
        next_move="add the field to the connection's secret",
    )


def _validated(name: str, said: Mapping[str, Any]) -> TableValidation:
    state = said.get("ValidationState") or "Not enabled"
    known = state if state in get_args(ValidationState) else _OTHER_STATES.get(state, "Table error")
    return TableValidation(
        name,
        cast("ValidationState", known),
        # It does not say of how many rows it speaks.
        compared=0,
        failed=int(said.get("ValidationFailedRecords", 0)),
        suspended=int(said.get("ValidationSuspendedRecords", 0)),
        pending=int(said.get("ValidationPendingRecords", 0)),
    )


def _missing(request: ValidationRequest, table: TableToValidate) -> TableValidation:
    """A table that was delivered, of which the task knows nothing."""
    known = table.captured.table
    warning = ValidationFailure("TABLE_WARNING", said=f"the task of {SERVICE} has no such table")
    return TableValidation(known.name, "Table error", failures=(warning.record(request, table),))


def _as_of(said: Iterable[Mapping[str, Any]]) -> datetime:
    """When the service last looked at any of the tables."""
    times = [each["LastUpdateTime"] for each in said if each.get("LastUpdateTime")]
    latest: datetime = max(times, default=datetime.now(UTC))
    return latest.astimezone(UTC)
