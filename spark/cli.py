"""The one entry of every job, everywhere: `python -m spark JOB --spec URI --report URI`.

On a cluster `--commit JSON` adds properties that each of the job's commits shall carry.

A job is the module `spark.jobs.<job>` with `run(session, spec, report)`; there is no second list
of names. The spec is one JSON document, read with the session's own reader so that it may lie in
any store the engine can reach. A failure is reported first and raised after, so that the process
ends with it.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import pkgutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable

from spark.column_lineage import noted
from spark.report import Report

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    Job = Callable[[SparkSession, dict[str, Any], Report], None]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one job to its end.

    Raises:
        SystemExit: the arguments are wrong; status 2.
        Exception: whatever the job raised, after it was reported.
    """
    options = _parser().parse_args(arguments)
    from spark.session import open_session

    session = open_session()
    report = Report(session, options.report)
    with report.of_failures():
        report.started(options.job)
        if options.commit:
            from spark.stamping import stamp_commits

            stamp_commits(session, json.loads(options.commit))
        with noted():
            load_job(options.job)(session, read_spec(session, options.spec), report)


def job_names() -> list[str]:
    """Names of all jobs, found by looking into `spark.jobs`."""
    if importlib.util.find_spec("spark.jobs") is None:
        return []
    found = pkgutil.iter_modules(importlib.import_module("spark.jobs").__path__)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def load_job(name: str) -> Job:
    """Import the job of that name and return its `run`."""
    run: Job = importlib.import_module(f"spark.jobs.{name}").run
    return run


def read_spec(session: SparkSession, uri: str) -> dict[str, Any]:
    """Read one JSON document from any store the engine can reach.

    Raises:
        FileNotFoundError: there is none. Sail reads no rows where Spark raises an error of its own.
    """
    rows = session.read.text(uri, wholetext=True).collect()
    if not rows:
        raise FileNotFoundError(f"no JSON document at {uri}")
    document: dict[str, Any] = json.loads("".join(row[0] for row in rows))
    return document


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spark", description="Run one Product 360 job.")
    parser.add_argument("job", choices=job_names(), metavar="JOB", help=", ".join(job_names()))
    parser.add_argument("--spec", required=True, metavar="URI", help="the job's JSON document")
    parser.add_argument("--report", required=True, metavar="URI", help="where to report to")
    parser.add_argument("--commit", metavar="JSON", help="properties of each of its commits")
    return parser
