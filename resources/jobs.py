"""What a Spark job is to the asset graph: a request, a report, and a runner between them.

The same request goes to the embedded engine and to EMR. A runner never trusts that "it returned"
means "it worked": a job whose report is missing has failed, whatever its exit status was.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from resources.audit_branches import AuditBranch
from resources.errors import ServiceUnavailable


@dataclass(frozen=True)
class JobRequest:
    """One job to run.

    Attributes:
        job: the job's name, as in `python -m spark JOB`.
        name: deterministic name of this piece of work, such as `clean-shop.orders-1f3a…`; the same
            work asked for twice has the same name. Letters, digits, `.`, `_` and `-`.
        spec: everything the job needs, as one JSON document.
        commit: properties that every table commit of this job carries in its snapshot summary.
        once: the one of them that only one commit of a table's history may carry; None for a job
            that may do the same again.
        branch: where the commit to one of the job's tables lands, to be audited before anybody
            reads it; None for a job whose commits are read at once.
        streams: whether it needs Structured Streaming, which not every engine has.
        endless: whether it goes on until it is told to end.
    """

    job: str
    name: str
    spec: Mapping[str, Any]
    commit: Mapping[str, str] = field(default_factory=dict)
    once: str | None = None
    branch: AuditBranch | None = None
    streams: bool = False
    endless: bool = False

    @property
    def document(self) -> bytes:
        """The spec as canonical JSON: equal specs are equal bytes."""
        return json.dumps(
            self.spec, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode()

    @property
    def digest(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the canonical spec."""
        return hashlib.sha256(self.document).hexdigest()[:16]


@dataclass(frozen=True)
class JobResult:
    """What a job did to one dataset, for one batch where it works by batch.

    Attributes:
        rows_in: rows read; always `rows_out + rows_quarantined` for jobs that clean.
        bytes: size of the files written.
        location: URI of what was written, or None where the dataset is a catalog table.
        details: counters and facts that only this job knows.
    """

    dataset: str
    batch_id: str | None
    rows_in: int
    rows_out: int
    rows_quarantined: int
    files: int
    bytes: int
    location: str | None
    details: Mapping[str, str]


@dataclass(frozen=True)
class JobReport:
    """A finished job.

    Attributes:
        seconds: wall time as the runner saw it.
        facts: what else the runner knows, by the name under which an asset shows it: what a
            service calls the job, and what it counted for it.
    """

    job: str
    results: tuple[JobResult, ...]
    seconds: float
    report_uri: str
    facts: Mapping[str, str | float] = field(default_factory=dict)


def facts_of(reports: Iterable[JobReport]) -> dict[str, str | float]:
    """The facts of several jobs: numbers added up, texts one after the other."""
    together: dict[str, str | float] = {}
    for report in reports:
        for name, fact in report.facts.items():
            known = together.get(name)
            if isinstance(fact, str):
                together[name] = fact if known is None else f"{known}, {fact}"
            else:
                together[name] = round(fact + float(known or 0), 4)
    return together


class JobRunner(dg.ConfigurableResource[Any], ABC):
    """Runs jobs somewhere, one at a time per call."""

    @abstractmethod
    def run(self, request: JobRequest, *, log: Callable[[str], None]) -> JobReport:
        """Run the job to its end and return what it reported.

        Raises:
            JobFailed: the job ran and failed; the message is the job's own.
            ServiceUnavailable: it failed as a service did not answer it; it may succeed later.
            ReportMissing: the job ended without reporting results.
            EngineUnavailable: no engine could be started to run it.
        """

    def streaming(
        self, request: JobRequest, *, log: Callable[[str], None]
    ) -> AbstractContextManager[JobRunner]:
        """Keep a streaming job at work during the block; the runner given hands it its work.

        Raises:
            ServiceUnavailable: this runner has no such jobs.
        """
        raise ServiceUnavailable(
            f"job {request.job}",
            found=f"{type(self).__name__}, which runs no job that goes on",
            expected="a runner that keeps a streaming job at work",
            next_move="leave it off: the nightly batch takes the same batches in",
        )

    @abstractmethod
    def code_version(self) -> str:
        """Hash of the code that jobs run, for asset code versions and commit properties."""
