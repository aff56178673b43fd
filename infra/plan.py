"""What a deployment may choose. Everything has a default; a YAML file says what is otherwise.

    name: product360-test
    emr: {most_vcpus: 64, idle_minutes: 5}
    monthly_budget_usd: 200
    notices: [data-platform@example.com]
    alerts: alerts.yaml

The hazard is a misspelt choice that is passed over in silence. Here it is refused by its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from resources.errors import SettingInvalid
from resources.event_streams import STREAM_NAME


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmrPlan(_Strict):
    """The application that runs jobs.

    Attributes:
        release: its release label; `emr-7.…` is Spark 3.5, `emr-spark-8.…` is Spark 4.
        most_vcpus, most_memory_gb, most_disk_gb: what all its jobs together may have at once.
        idle_minutes: how long it waits for the next job before it stops, and costs nothing.
    """

    release: Annotated[str, Field(pattern=r"\Aemr-(7|spark-8)\.[0-9]+\.[0-9]+\z")] = "emr-7.13.0"
    most_vcpus: Annotated[int, Field(ge=2)] = 128
    most_memory_gb: Annotated[int, Field(ge=8)] = 1024
    most_disk_gb: Annotated[int, Field(ge=40)] = 2000
    idle_minutes: Annotated[int, Field(ge=1, le=10_080)] = 15


class Plan(_Strict):
    """The one deployment of an account in a region: Glue's databases are named by zone alone.

    Attributes:
        name: stands before all other names; deployments of an account in several regions differ in
            it, as roles and budgets are the account's.
        runs_on: the service on which Dagster runs, and which gives it its role.
        streams: Kinesis streams of this account and region that sources are read from directly;
            they are their producers', who also let the platform use the key of an encrypted one.
        raw_lock_days: how long an object in raw can be deleted by nobody but who may break locks.
        monthly_budget_usd: at four fifths of it, and when it is forecast to be passed, a notice.
        notices: addresses to which alarms and budget write.
        alerts: the file of alert routes that PRODUCT360_ALERTS will name, whose webhooks get a
            secret each; where the plan is in a file, from that file's folder on.
    """

    name: Annotated[str, Field(pattern=r"\A[a-z][a-z0-9-]{1,18}[a-z0-9]\z")] = "product360"
    runs_on: Literal["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"] = "ecs-tasks.amazonaws.com"
    streams: tuple[Annotated[str, Field(pattern=STREAM_NAME)], ...] = ()
    raw_lock_days: Annotated[int, Field(ge=1, le=36_500)] = 3650
    emr: EmrPlan = EmrPlan()
    monthly_budget_usd: Annotated[int, Field(ge=1)] = 500
    notices: tuple[str, ...] = ()
    alerts: Path | None = None


def read_plan(path: Path | None) -> Plan:
    """The plan in a file, or the usual one.

    Raises:
        SettingInvalid: the file is not there, or says something that means nothing.
    """
    if path is None:
        return Plan()
    try:
        plan = Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, yaml.YAMLError) as error:
        raise _invalid(path, str(error)) from error
    except ValidationError as error:
        raise _invalid(path, in_words(error)) from error
    if plan.alerts is None:
        return plan
    return plan.model_copy(update={"alerts": path.parent / plan.alerts})


def in_words(error: ValidationError) -> str:
    """Which parts of a file are wrong, and how; not what stands there."""
    wrong = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in wrong)


def _invalid(path: Path, found: str) -> SettingInvalid:
    return SettingInvalid(
        f"the plan in {path}",
        found=found,
        expected="what infra/plan.py lists",
        next_move="correct the file; without PLAN= the usual plan is taken",
    )
