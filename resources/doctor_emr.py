"""The application of EMR Serverless: is it the one that the deployment's file describes?

The hazard is a release that differs from the file's: jobs would be refused at their start, after
everything before them has run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from resources.doctor import Finding, ok
from resources.doctor_calls import Clients, ask, refusal
from resources.emr_settings import EmrSettings

STARTS = frozenset({"CREATED", "STARTING", "STARTED"})


def look_at_emr_settings(read: Callable[[], EmrSettings]) -> Iterator[Finding]:
    """Whether file and deployment together say what jobs need.

    Raises:
        SettingInvalid: the file is not there, or something is missing or means nothing.
    """
    told = read()
    found = f"application {told.application}, release {told.release}"
    yield ok("settings of EMR Serverless", found)


def look_at_application(aws: Clients, read: Callable[[], EmrSettings]) -> Iterator[Finding]:
    """Whether the application is there, can start, and has the release that is set."""
    told = read()
    thing = f"EMR Serverless application {told.application}"
    emr = aws("emr-serverless")
    answer = ask(lambda: emr.get_application(applicationId=told.application))
    if answer.code == "ResourceNotFoundException":
        yield Finding(
            thing,
            "failed",
            "no such application in this account and region",
            "the application that runs jobs",
            "deploy the infrastructure, or correct `application` in the file of PRODUCT360_EMR",
        )
    elif answer.code:
        yield refusal(thing, "emr-serverless:GetApplication", answer.code)
    else:
        yield from _looked_at(thing, answer.value["application"], told)


def _looked_at(thing: str, found: Mapping[str, Any], told: EmrSettings) -> Iterator[Finding]:
    release, state = found["releaseLabel"], found["state"]
    if release != told.release:
        yield Finding(
            thing,
            "failed",
            f"release {release}",
            f"release {told.release}, as the file of PRODUCT360_EMR says",
            f"write `release: {release}` there, or deploy an application of {told.release}",
        )
    starts_itself = found.get("autoStartConfiguration", {}).get("enabled", True)
    if state in STARTS or (state in ("STOPPING", "STOPPED") and starts_itself):
        yield ok(thing, f"{state}, release {release}")
        return
    yield Finding(
        thing,
        "failed",
        f"{state}, and no job starts it",
        "an application that a job can start",
        f"aws emr-serverless start-application --application-id {told.application}"
        if state.startswith("STOP")
        else "deploy another application, and name it in the file of PRODUCT360_EMR",
    )
