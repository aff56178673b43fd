"""The one request that starts a job on EMR Serverless, as a pure function of what is asked for.

Equal work is an equal request: there is no clock and no chance in it, so that a request that was
written down is the request that was sent. What Spark is told stands here and nowhere else.

The hazard is quoting. The service takes Spark's settings as one text and splits it by blanks; what
holds one is refused here. What may hold anything (the properties of a commit) goes as an argument.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resources.catalog import CATALOG_NAME
from resources.emr_settings import EmrSettings, JobSize, Worker
from resources.jobs import JobRequest

# Of the service: characters that a tag's value may have, and how many.
_TAG_CHARACTERS = frozenset(" /_.:=+@-")
_LONGEST_TAG = 256
# What Spark adds to a process's memory for what is not Java's: a tenth, or at least so many MB.
_OVERHEAD = 1.1
_LEAST_OVERHEAD = 384


@dataclass(frozen=True)
class JobPlaces:
    """Where one attempt finds and leaves things; URIs in S3.

    Attributes:
        entry: the script that is started.
        code: the zip of the jobs.
        spec: the job's document.
        report: folder of its report.
        logs: folder below which the service writes logs.
        warehouse: folder of tables of the catalog that have no place of their own.
        region: where the services are that it asks by itself.
    """

    entry: str
    code: str
    spec: str
    report: str
    logs: str
    warehouse: str
    region: str


def start_job_run(
    settings: EmrSettings, request: JobRequest, places: JobPlaces, *, attempt: str
) -> dict[str, Any]:
    """The parameters of StartJobRun.

    Args:
        settings: what the deployment says.
        request: the job.
        places: where it finds and leaves things.
        attempt: name of this attempt at the work; the same attempt is started once.

    Raises:
        ValueError: a commit may stand in a table once, and nothing there could keep it so.
    """
    require_branch(request)
    return {
        "applicationId": settings.application,
        "clientToken": client_token(settings.application, attempt),
        "executionRoleArn": settings.role,
        "name": request.name[:_LONGEST_TAG],
        "mode": "STREAMING" if request.endless else "BATCH",
        "executionTimeoutMinutes": settings.size_of(request).timeout_minutes,
        "retryPolicy": _retry_policy(request),
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": places.entry,
                "entryPointArguments": _arguments(request, places),
                "sparkSubmitParameters": spark_submit_parameters(
                    spark_settings(settings, request, places)
                ),
            }
        },
        "configurationOverrides": _overrides(settings, places),
        "tags": {
            "product360:job": _tag(request.job),
            "product360:work": _tag(request.name),
            "product360:attempt": _tag(attempt),
        },
    }


def require_branch(request: JobRequest) -> None:
    """Go on only with a commit that may come as often as it likes, or lands on a branch.

    Raises:
        ValueError: it may stand in a table once, and nothing there could keep it so.
    """
    if request.once is not None and request.branch is None:
        raise ValueError(
            f"Job {request.name}: found a commit that may come once and no branch for it. Expected "
            "a branch: without a bridge to refuse the second one, it is what tells them apart."
        )


def client_token(application: str, attempt: str) -> str:
    """By which the service knows that it was asked for this attempt before; 64 characters."""
    return hashlib.sha256(f"{application}\n{attempt}".encode()).hexdigest()


def spark_settings(
    settings: EmrSettings, request: JobRequest, places: JobPlaces
) -> Mapping[str, str]:
    """All that Spark is told when it starts; the session's own settings are `spark.session`'s."""
    return {
        "spark.submit.pyFiles": places.code,
        "spark.jars": settings.iceberg_runtime,
        **_sizing(settings.size_of(request)),
        **_catalog(places.warehouse),
        **_branch(request),
        # The one name by which the SDK for Python knows it; the service sets another.
        "spark.emr-serverless.driverEnv.AWS_DEFAULT_REGION": places.region,
        "spark.executorEnv.AWS_DEFAULT_REGION": places.region,
        "spark.driver.extraJavaOptions": "-Duser.timezone=UTC",
        "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
        "spark.sql.session.timeZone": "UTC",
    }


def spark_submit_parameters(settings: Mapping[str, str]) -> str:
    """The settings as the one text that the service takes.

    Raises:
        ValueError: a value that would be split, or end a quotation.
    """
    for name, value in settings.items():
        if not value or any(character.isspace() or character in "'\"\\" for character in value):
            raise ValueError(
                f"Spark setting {name}: found {value!r}, which holds nothing, a blank, a quote or "
                "a backslash. Expected a value that is one word. Next: pass it as an argument."
            )
    return " ".join(f"--conf {name}={value}" for name, value in settings.items())


def _arguments(request: JobRequest, places: JobPlaces) -> list[str]:
    arguments = [request.job, "--spec", places.spec, "--report", places.report]
    if request.commit:
        arguments += ["--commit", json.dumps(dict(request.commit), sort_keys=True)]
    return arguments


def _sizing(size: JobSize) -> dict[str, str]:
    return {
        **_worker("driver", size.driver),
        **_worker("executor", size.executor),
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.initialExecutors": "1",
        "spark.dynamicAllocation.maxExecutors": str(size.executors),
    }


def _worker(kind: str, worker: Worker) -> dict[str, str]:
    """A process that fills its worker: what Spark adds to its memory is left free."""
    megabytes = worker.memory_gb * 1024
    return {
        f"spark.{kind}.cores": str(worker.vcpus),
        f"spark.{kind}.memory": f"{min(int(megabytes / _OVERHEAD), megabytes - _LEAST_OVERHEAD)}m",
        f"spark.emr-serverless.{kind}.disk": f"{worker.disk_gb}g",
    }


def _catalog(warehouse: str) -> dict[str, str]:
    catalog = f"spark.sql.catalog.{CATALOG_NAME}"
    return {
        "spark.sql.extensions": (
            "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
        ),
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        f"{catalog}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{catalog}.warehouse": warehouse,
        # With the cache on, Spark does not see what others commit meanwhile.
        f"{catalog}.cache-enabled": "false",
    }


def _branch(request: JobRequest) -> dict[str, str]:
    """The commit to the table that is audited lands on its branch (`resources.audit_branches`)."""
    return {} if request.branch is None else {"spark.wap.branch": request.branch.name}


def _retry_policy(request: JobRequest) -> dict[str, int]:
    """A job that failed is started again by who asked for it, never behind his back.

    Of one that goes on, the least that can be asked is one more driver in an hour. What that does
    again lands where the first one's commit is, and is refused there (`branch_writers`).
    """
    return {"maxFailedAttemptsPerHour": 1} if request.endless else {"maxAttempts": 1}


def _overrides(settings: EmrSettings, places: JobPlaces) -> dict[str, Any]:
    logs = {"logUri": places.logs}
    if settings.log_key is not None:
        logs["encryptionKeyArn"] = settings.log_key
    return {
        "applicationConfiguration": [
            {"classification": classification, "properties": {"rootLogger.level": "warn"}}
            for classification in ("spark-driver-log4j2", "spark-executor-log4j2")
        ],
        "monitoringConfiguration": {
            "s3MonitoringConfiguration": logs,
            # The console keeps them for 30 days as well, for who has no access to the bucket.
            "managedPersistenceMonitoringConfiguration": {"enabled": True},
        },
    }


def _tag(text: str) -> str:
    fits = (each.isascii() and (each.isalnum() or each in _TAG_CHARACTERS) for each in text)
    return "".join(each if fit else "-" for each, fit in zip(text, fits, strict=True))[
        :_LONGEST_TAG
    ]
