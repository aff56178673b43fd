"""Amazon EMR Serverless: job runs started once, looked at and cancelled, with its errors told.

    throttled, broken, quota reached   ServiceUnavailable, after the SDK has tried again
    credentials that have expired      asked once more with fresh ones, then CredentialsExpired
    what it will never accept          EngineUnavailable, in its own words

The hazard is a lost answer: the job may have been started or not. A start carries a token by which
the service knows it again, so that starting twice is starting once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from resources.errors import CredentialsExpired, EngineUnavailable, ServiceUnavailable

SERVICE = "Amazon EMR Serverless"
GONE = "GONE"
ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED", GONE})
GIVEN_UP = frozenset({"CANCELLING", "CANCELLED", GONE})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
_COME_BACK = frozenset({"ServiceQuotaExceededException", "InternalServerException"})

T = TypeVar("T")


class EmrClient(Protocol):
    """What is asked of the SDK's client."""

    def start_job_run(self, **parameters: object) -> Mapping[str, Any]: ...  # noqa: D102
    def get_job_run(self, *, applicationId: str, jobRunId: str) -> Mapping[str, Any]: ...  # noqa: D102, N803
    def cancel_job_run(self, *, applicationId: str, jobRunId: str) -> Mapping[str, Any]: ...  # noqa: D102, N803
    def get_application(self, *, applicationId: str) -> Mapping[str, Any]: ...  # noqa: D102, N803


@dataclass(frozen=True)
class Usage:
    """What a job run used, added up over its workers; what is billed may be more."""

    vcpu_hours: float
    memory_gb_hours: float
    storage_gb_hours: float


@dataclass(frozen=True)
class JobRun:
    """A job run as the service sees it; GONE where it knows nothing of it any more.

    Attributes:
        has_started: whether it had workers.
        usage: known some time after its end.
    """

    id: str
    state: str
    details: str = ""
    has_started: bool = False
    usage: Usage | None = None


class EmrServerless:
    """The job runs of one application.

    Args:
        application: its id.
        connect: makes a client; called again when credentials have expired.
    """

    def __init__(self, application: str, connect: Callable[[], EmrClient]) -> None:
        self.application = application
        self._connect = connect
        self._client: EmrClient | None = None

    def start(self, parameters: Mapping[str, Any]) -> str:
        """Start a job run, or find the one that these parameters started before; its id.

        Raises:
            EngineUnavailable: the service refuses it, or knows the token from another request.
        """
        answer = self._ask("start of a job", lambda emr: emr.start_job_run(**parameters))
        return str(answer["jobRunId"])

    def job_run(self, run: str) -> JobRun:
        """The job run as it is now."""
        answer = self._ask(f"job run {run}", lambda emr: _found(emr, self.application, run))
        if answer is None:
            return JobRun(run, GONE, "the service does not know it any more")
        # A text that says nothing may be a blank.
        details = str(answer.get("stateDetails") or "").strip()
        usage = _usage(answer.get("totalResourceUtilization"))
        return JobRun(run, str(answer["state"]), details, "startedAt" in answer, usage)

    def cancel(self, run: str) -> None:
        """Ask that a job run be ended; one that has ended already is left as it is."""
        try:
            self._ask(
                f"cancelling job run {run}",
                lambda emr: emr.cancel_job_run(applicationId=self.application, jobRunId=run),
            )
        except EngineUnavailable:
            if self.job_run(run).state not in ENDED | GIVEN_UP:
                raise

    def release(self) -> str:
        """Release label of the application."""
        answer = self._ask(
            "its release", lambda emr: emr.get_application(applicationId=self.application)
        )
        return str(answer["application"]["releaseLabel"])

    def _ask(self, what: str, call: Callable[[EmrClient], T]) -> T:
        from botocore.exceptions import ClientError

        for is_last in (False, True):
            try:
                return self._call(what, call)
            except ClientError as error:
                if _code(error) in _EXPIRED and not is_last:
                    # What was renewed beside this process (a profile, a file) is read anew.
                    self._client = None
                    continue
                raise self._refused(what, error) from error
        raise AssertionError("unreachable")

    def _call(self, what: str, call: Callable[[EmrClient], T]) -> T:
        from botocore.exceptions import ClientError

        from resources.aws import translated

        if self._client is None:
            self._client = self._connect()
        with translated(f"{SERVICE}, application {self.application}", what):
            try:
                return call(self._client)
            except ClientError as error:
                if _code(error) not in _EXPIRED:
                    raise
                expired = error
        raise expired

    def _refused(self, what: str, error: Any) -> Exception:  # noqa: ANN401 - the SDK's ClientError
        thing = f"{SERVICE}, application {self.application}, {what}"
        code = _code(error)
        if code in _EXPIRED:
            return CredentialsExpired(
                thing,
                found="credentials that have expired, and no newer ones",
                expected="credentials that are renewed by themselves, such as those of a role",
                next_move="sign in again or give the process a role, then run it again: it finds "
                "the job that is at work",
            )
        if code in _COME_BACK:
            return ServiceUnavailable(
                thing,
                found=str(error),
                expected="an answer",
                next_move="try again later, or ask for a higher quota",
            )
        return EngineUnavailable(
            thing,
            found=str(error),
            expected="a request that the service accepts",
            next_move="compare application, role and sizes in the file that PRODUCT360_EMR names "
            f"with `aws emr-serverless get-application --application-id {self.application}`",
        )


def connect() -> EmrClient:
    """The SDK's client; see `resources.aws`."""
    from resources.aws import client

    made: EmrClient = client("emr-serverless")
    return made


def _found(emr: EmrClient, application: str, run: str) -> Mapping[str, Any] | None:
    from botocore.exceptions import ClientError

    try:
        found = emr.get_job_run(applicationId=application, jobRunId=run)
    except ClientError as error:
        if _code(error) == "ResourceNotFoundException":
            return None
        raise
    answer: Mapping[str, Any] = found["jobRun"]
    return answer


def _code(error: Any) -> str:  # noqa: ANN401 - the SDK's ClientError
    return str(error.response.get("Error", {}).get("Code", ""))


def _usage(said: Mapping[str, float] | None) -> Usage | None:
    if not said:
        return None
    return Usage(
        said.get("vCPUHour", 0.0), said.get("memoryGBHour", 0.0), said.get("storageGBHour", 0.0)
    )
