"""What a deployment says of Amazon EMR Serverless: one YAML file, read when the first job runs.

    application: 00fexample0a1b2c3
    role: arn:aws:iam::111122223333:role/product360-jobs
    release: emr-7.13.0
    budget: {vcpu_hours_a_day: 60, vcpu_hours_a_month: 900}
    jobs: {sales_line: large}

The hazard: the service rounds a worker up to the next size that it sells, so a size that looks
cheap is paid for as another. Only sizes that it sells are accepted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resources.errors import SettingInvalid
from resources.jobs import JobRequest

# Gigabytes of memory that a worker of so many vCPUs may have: least, most, step.
WORKERS = {1: (2, 8, 1), 2: (4, 16, 1), 4: (8, 30, 1), 8: (16, 60, 4), 16: (32, 120, 8)}
DEFAULT_SIZE = "medium"
# Of a job that goes on, where nothing is said of it.
STREAM_SIZE = "stream"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Worker(_Strict):
    """One driver or executor as the service bills it: vCPUs, and gigabytes of memory and disk."""

    vcpus: int
    memory_gb: int
    disk_gb: Annotated[int, Field(ge=20, le=200)] = 20

    @model_validator(mode="after")
    def _is_sold(self) -> Self:
        if self.vcpus not in WORKERS:
            raise ValueError(f"{self.vcpus} vCPUs; a worker has one of {sorted(WORKERS)}")
        least, most, step = WORKERS[self.vcpus]
        if not least <= self.memory_gb <= most or (self.memory_gb - least) % step:
            raise ValueError(
                f"{self.memory_gb} GB for {self.vcpus} vCPUs; "
                f"there are {least} to {most} GB in steps of {step}"
            )
        return self


class JobSize(_Strict):
    """How much a job may take.

    Attributes:
        executors: how many there are at most; the service adds and removes them by need.
        timeout_minutes: when the service ends the job by itself; its runner gives up a little
            later.
    """

    driver: Worker
    executor: Worker
    executors: Annotated[int, Field(ge=1, le=400)]
    timeout_minutes: Annotated[int, Field(ge=5, le=43_200)] = 60

    @property
    def most_vcpu_hours(self) -> float:
        """What the job uses if it takes all of it, until it is ended."""
        vcpus = self.driver.vcpus + self.executors * self.executor.vcpus
        return vcpus * self.timeout_minutes / 60


def _size(
    driver: tuple[int, int], executor: tuple[int, int], executors: int, minutes: int = 60
) -> JobSize:
    return JobSize(
        driver=Worker(vcpus=driver[0], memory_gb=driver[1]),
        executor=Worker(vcpus=executor[0], memory_gb=executor[1]),
        executors=executors,
        timeout_minutes=minutes,
    )


SIZES: Mapping[str, JobSize] = {
    "small": _size((1, 4), (1, 4), 1),
    DEFAULT_SIZE: _size((2, 8), (4, 16), 4),
    "large": _size((4, 16), (4, 30), 16),
    # An hour longer than whoever keeps a stream at work lets one live.
    STREAM_SIZE: _size((1, 4), (2, 8), 1, minutes=7 * 60),
}


class Budget(_Strict):
    """What may be used in vCPU hours; None for no limit. Days and months are those of UTC."""

    vcpu_hours_a_day: Annotated[float, Field(gt=0)] | None = None
    vcpu_hours_a_month: Annotated[float, Field(gt=0)] | None = None


class EmrSettings(_Strict):
    """The deployment's application, and what may be asked of it.

    Attributes:
        application: id of the application that runs the jobs.
        role: ARN of the role that jobs have.
        release: the application's release label; `emr-7.…` is Spark 3.5, `emr-spark-8.…` Spark 4.
        iceberg_jar: Iceberg's runtime on the release's image; left out, where the release has it.
        log_key: ARN of the KMS key of the logs in S3; left out, the bucket's own encryption.
        sizes: more sizes by name, or others in place of small, medium and large.
        jobs: the size of a job by its name; those left out are medium, and one that goes on is
            of the size stream.
    """

    application: Annotated[str, Field(pattern=r"\A[0-9a-z]{1,64}\z")]
    role: Annotated[str, Field(pattern=r"\Aarn:aws[a-zA-Z0-9-]*:iam::[0-9]{12}:role/.+\z")]
    release: Annotated[str, Field(pattern=r"\Aemr-(7|spark-8)\.[0-9]+\.[0-9]+\z")] = "emr-7.13.0"
    iceberg_jar: str | None = None
    log_key: str | None = None
    sizes: Mapping[str, JobSize] = Field(default_factory=dict)
    jobs: Mapping[str, str] = Field(default_factory=dict)
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _sizes_are_known(self) -> Self:
        known = {**SIZES, **self.sizes}
        for job, size in self.jobs.items():
            if size not in known:
                raise ValueError(f"job {job}: size {size!r}; there are {', '.join(sorted(known))}")
        return self

    def size_of(self, request: JobRequest) -> JobSize:
        """How much the job may take."""
        unsaid = STREAM_SIZE if request.endless else DEFAULT_SIZE
        return {**SIZES, **self.sizes}[self.jobs.get(request.job, unsaid)]

    @property
    def iceberg_runtime(self) -> str:
        """Path of Iceberg's runtime on the image of the release."""
        if self.iceberg_jar is not None:
            return self.iceberg_jar
        spark = "3" if self.release.startswith("emr-7.") else "4"
        return f"/usr/share/aws/iceberg/lib/iceberg-spark{spark}-runtime.jar"


def read_settings(path: Path | None, deployed: Mapping[str, str] | None = None) -> EmrSettings:
    """Read the file, over what the deployment says of itself.

    Args:
        path: the file; None where there is nothing to say but what was deployed.
        deployed: application, role and release, where the deployment's outputs name them.

    Raises:
        SettingInvalid: it is not there, or says something that means nothing; each by its name.
    """
    try:
        said = {} if path is None else yaml.safe_load(path.read_text(encoding="utf-8"))
        # Of the file alone where it is no mapping, so that it is refused.
        whole = {**(deployed or {}), **said} if isinstance(said, Mapping) else said
        return EmrSettings.model_validate(whole)
    except (OSError, yaml.YAMLError) as error:
        raise _invalid(path, str(error)) from error
    except ValidationError as error:
        # Without the values, of which a file in the wrong place may hold any.
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in wrong)
        raise _invalid(path, said) from None


def _invalid(path: Path | None, found: str) -> SettingInvalid:
    return SettingInvalid(
        f"the settings of EMR Serverless in {path or 'the outputs of the deployment'}",
        found=found,
        expected="application, role, and what else docs/aws.md lists",
        next_move="correct the file that PRODUCT360_EMR names, or deploy again",
    )
