"""THE place that knows local from aws, and the only one that reads the process environment.

    PRODUCT360_ENV           local (default) or aws
    PRODUCT360_HOME          the local home; default .product360 below the working directory
    PRODUCT360_ENGINE        sail (default) or spark, for local jobs
    PRODUCT360_ALERTS        the file of alert routes; without it every alert goes to a local log
    PRODUCT360_DEPLOYMENT    aws: the file of outputs that fills in what is not set of the following
    PRODUCT360_LAKE_PREFIX   aws: buckets are <prefix>-<zone>
    PRODUCT360_LEDGER_TABLE  aws: the DynamoDB table of the ledger and the registry
    PRODUCT360_EVENT_QUEUE   aws: the URL of the SQS queue of landing's events
    PRODUCT360_SECRETS_PREFIX  aws: stands before the names of all secrets; none by default
    PRODUCT360_EMR           aws: the file that says which EMR Serverless application runs jobs
    PRODUCT360_EMR_APPLICATION, PRODUCT360_EMR_ROLE, PRODUCT360_EMR_RELEASE
                             aws: its id, the role of jobs and its release, where no file says them
    PRODUCT360_MAINTENANCE   product360 (default), or on aws glue: who keeps the published tables
    PRODUCT360_OPTIMIZER_ROLE  aws: the ARN of the role that Glue's optimizers work under
    PRODUCT360_CONSUMERS     who reads them, by commas, of athena (default), duckdb and spark
    PRODUCT360_LONGEST_WRITE_HOURS, PRODUCT360_LONGEST_READ_HOURS, PRODUCT360_SNAPSHOT_DAYS
                             what upkeep has to allow for: 24, 24 and 7

Region, endpoints and credentials are the AWS SDK's own settings. The hazard: definitions are loaded
by tools that have none of these. So nothing is read at import, and no resource needs a variable, a
credential or a network before it is used; what is missing then says so by name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from resources.deployment import VARIABLE, deployed_variables
from resources.errors import SettingInvalid
from resources.maintenance import NEWEST_FORMAT, Keeper, MaintenanceResource
from resources.variables import amount, choice, words

if TYPE_CHECKING:
    from resources.doctor import Check, Wanted
    from resources.secrets import SecretsResource

Environment = Literal["local", "aws"]
Engine = Literal["sail", "spark"]


@dataclass(frozen=True)
class Settings:
    """What the process environment says; `home` is absolute."""

    environment: Environment
    home: Path
    engine: Engine
    lake_prefix: str | None
    ledger_table: str | None
    event_queue: str | None = None
    alert_routes: Path | None = None
    emr: Path | None = None
    keeper: Keeper = "product360"
    optimizer_role: str | None = None
    consumers: tuple[str, ...] = ("athena",)
    longest_write_hours: float = 24.0
    longest_read_hours: float = 24.0
    snapshot_days: float = 7.0
    secrets_prefix: str = ""
    emr_deployed: Mapping[str, str] = field(default_factory=dict)


def settings(variables: Mapping[str, str] | None = None) -> Settings:
    """Read the settings now.

    Args:
        variables: what to read instead of the process environment.

    Raises:
        SettingInvalid: a variable holds none of its possible values.
    """
    given = _with_deployed(os.environ if variables is None else variables)
    return Settings(
        environment=cast(Environment, choice(given, "PRODUCT360_ENV", get_args(Environment))),
        home=Path(given.get("PRODUCT360_HOME") or ".product360").expanduser().absolute(),
        engine=cast(Engine, choice(given, "PRODUCT360_ENGINE", get_args(Engine))),
        lake_prefix=given.get("PRODUCT360_LAKE_PREFIX") or None,
        ledger_table=given.get("PRODUCT360_LEDGER_TABLE") or None,
        event_queue=given.get("PRODUCT360_EVENT_QUEUE") or None,
        alert_routes=_path(given.get("PRODUCT360_ALERTS")),
        emr=_path(given.get("PRODUCT360_EMR")),
        keeper=cast(Keeper, choice(given, "PRODUCT360_MAINTENANCE", get_args(Keeper))),
        optimizer_role=given.get("PRODUCT360_OPTIMIZER_ROLE") or None,
        consumers=tuple(words(given, "PRODUCT360_CONSUMERS", "athena", tuple(NEWEST_FORMAT))),
        longest_write_hours=amount(given, "PRODUCT360_LONGEST_WRITE_HOURS", 24.0),
        longest_read_hours=amount(given, "PRODUCT360_LONGEST_READ_HOURS", 24.0),
        snapshot_days=amount(given, "PRODUCT360_SNAPSHOT_DAYS", 7.0),
        secrets_prefix=given.get("PRODUCT360_SECRETS_PREFIX") or "",
        emr_deployed={
            part: value
            for part in ("application", "role", "release")
            if (value := given.get(f"PRODUCT360_EMR_{part.upper()}"))
        },
    )


def _with_deployed(variables: Mapping[str, str]) -> Mapping[str, str]:
    """The variables, and what the deployment says where they say nothing."""
    outputs = _path(variables.get(VARIABLE))
    if outputs is None:
        return variables
    return {**deployed_variables(outputs), **{name: v for name, v in variables.items() if v}}


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser().absolute() if text else None


def inherited_variables() -> dict[str, str]:
    """A copy of this process's variables, for starting a child process from."""
    return dict(os.environ)


def export_variables(variables: Mapping[str, str | None]) -> None:
    """Set variables that a library reads by itself, such as JAVA_HOME; None removes one."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def platform_resources(chosen: Settings | None = None) -> dict[str, object]:
    """The platform's resources by name, for Dagster's definitions: the same names everywhere."""
    chosen = chosen or settings()
    return _local(chosen) if chosen.environment == "local" else _aws(chosen)


def platform_checks(wanted: Wanted, chosen: Settings | None = None) -> list[Check]:
    """What `product360 doctor` looks at, in order."""
    from resources.doctor_aws import aws_checks
    from resources.doctor_calls import Clients
    from resources.doctor_machine import machine_checks
    from resources.local.doctor import local_checks

    chosen = chosen or settings()
    here = machine_checks(os.environ.get("TZ"))
    if chosen.environment == "local":
        return [*here, *local_checks(chosen, wanted, os.environ.get("JAVA_HOME"))]
    secrets = cast("SecretsResource", platform_resources(chosen)["secrets"])
    return [*here, *aws_checks(chosen, wanted, secrets, Clients())]


def _local(chosen: Settings) -> dict[str, object]:
    from resources.catalog import LocalCatalogResource
    from resources.local.alerts import SqliteAlertStoreResource
    from resources.local.announcements import SqliteAnnouncementsResource
    from resources.local.event_streams import LocalStreams
    from resources.local.events import FolderQueueResource
    from resources.local.external_tables import SqliteExternalTablesResource
    from resources.local.forecaster import LocalForecaster
    from resources.local.ledger import SqliteLedgerResource
    from resources.local.registry import SqliteRegistryResource
    from resources.local.replication import LocalReplication
    from resources.local.runner import LocalJobRunner
    from resources.local.saas import LocalSaas
    from resources.local.secrets import LocalSecrets
    from resources.local.warehouse import LocalWarehouse
    from resources.objects import LakeResource

    home = chosen.home
    catalog = LocalCatalogResource(home=str(home))
    return {
        "lake": LakeResource(uri=f"file://{home}/lake", events=str(home / "events")),
        "events": FolderQueueResource(path=str(home / "events")),
        "announcements": SqliteAnnouncementsResource(path=str(home / "announcements.db")),
        "alerts": SqliteAlertStoreResource(path=str(home / "alerts.db")),
        "ledger": SqliteLedgerResource(path=str(home / "ledger.db")),
        "registry": SqliteRegistryResource(path=str(home / "registry.db")),
        "secrets": LocalSecrets(path=str(home / "secrets.json")),
        "catalog": catalog,
        "entries": SqliteExternalTablesResource(path=str(home / "catalog.db")),
        "runner": LocalJobRunner(home=str(home), engine=chosen.engine),
        "replication": LocalReplication(),
        "saas": LocalSaas(),
        "event_streams": LocalStreams(path=str(home / "streams.db")),
        "forecaster": LocalForecaster(),
        "warehouse": LocalWarehouse(catalog=catalog),
        "maintenance": _maintenance(chosen),
    }


def _aws(chosen: Settings) -> dict[str, object]:
    from resources.catalog import GlueCatalogResource
    from resources.dms import DmsReplication
    from resources.dynamodb import DynamoLedgerResource
    from resources.dynamodb_alerts import DynamoAlertStoreResource
    from resources.dynamodb_announcements import DynamoAnnouncementsResource
    from resources.dynamodb_registry import DynamoRegistryResource
    from resources.glue_tables import GlueTablesResource
    from resources.kinesis import KinesisStreams
    from resources.local.forecaster import LocalForecaster
    from resources.local.warehouse import LocalWarehouse
    from resources.objects import LakeResource
    from resources.secrets import SecretsManagerSecrets
    from resources.sqs import SqsQueueResource
    from resources.unavailable import UnavailableService

    prefix, table = chosen.lake_prefix, chosen.ledger_table
    buckets = _missing("the lake's buckets", "PRODUCT360_LAKE_PREFIX")
    no_table = _missing("the table of ledger and registry", "PRODUCT360_LEDGER_TABLE")
    catalog = GlueCatalogResource(lake_prefix=prefix) if prefix else buckets
    return {
        "lake": LakeResource(uri=f"s3://{prefix}") if prefix else buckets,
        "events": SqsQueueResource(url=chosen.event_queue)
        if chosen.event_queue
        else _missing("the queue of landing's events", "PRODUCT360_EVENT_QUEUE"),
        "announcements": DynamoAnnouncementsResource(table=table) if table else no_table,
        "alerts": DynamoAlertStoreResource(table=table) if table else no_table,
        "ledger": DynamoLedgerResource(table=table) if table else no_table,
        "registry": DynamoRegistryResource(table=table) if table else no_table,
        "secrets": SecretsManagerSecrets(prefix=chosen.secrets_prefix),
        "catalog": catalog,
        "entries": GlueTablesResource(),
        "runner": _runner(chosen),
        "replication": DmsReplication(),
        "saas": UnavailableService(
            service="Amazon AppFlow", arrives_with="the adapter that runs flows"
        ),
        "event_streams": KinesisStreams(),
        # Our own engine runs wherever Dagster runs; it needs no service.
        "forecaster": LocalForecaster(),
        # So does what checks ask; it reads the tables where they lie.
        "warehouse": LocalWarehouse(catalog=catalog)
        if isinstance(catalog, GlueCatalogResource)
        else buckets,
        "maintenance": _maintenance(chosen),
    }


def _runner(chosen: Settings) -> object:
    from resources.emr_runner import EmrServerlessJobRunner

    if chosen.lake_prefix is None:
        return _missing("the lake's buckets", "PRODUCT360_LAKE_PREFIX")
    if chosen.emr is None and not chosen.emr_deployed:
        return _missing("Amazon EMR Serverless", "PRODUCT360_EMR")
    return EmrServerlessJobRunner(
        settings=str(chosen.emr or ""),
        deployed=dict(chosen.emr_deployed),
        lake_prefix=chosen.lake_prefix,
    )


def _maintenance(chosen: Settings) -> MaintenanceResource:
    if chosen.keeper == "glue" and chosen.environment == "local":
        raise SettingInvalid(
            "PRODUCT360_MAINTENANCE",
            found="'glue', where there is no Glue Data Catalog",
            expected="product360, which keeps the tables itself",
            next_move="unset it, or set PRODUCT360_ENV=aws",
        )
    return MaintenanceResource(
        keeper=chosen.keeper,
        consumers=list(chosen.consumers),
        longest_write_hours=chosen.longest_write_hours,
        longest_read_hours=chosen.longest_read_hours,
        kept_days=chosen.snapshot_days,
        has_optimizers=chosen.environment == "aws",
        optimizer_role=chosen.optimizer_role,
    )


def _missing(what: str, variable: str) -> object:
    from resources.unavailable import UnavailableService

    return UnavailableService(service=what, arrives_with=f"the name in the variable {variable}")
