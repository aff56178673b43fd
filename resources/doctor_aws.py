"""What is looked at in the `aws` environment, in the order in which one thing needs another.

The hazard is a setting that is missing: all that hangs on it would be reported as broken. So a
setting is a check of its own, and what needs it is skipped for that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from resources.doctor import Check, Finding, Wanted, ok
from resources.doctor_calls import ask, refusal
from resources.doctor_emr import look_at_application, look_at_emr_settings
from resources.doctor_events import (
    look_at_announcing,
    look_at_dead_letters,
    look_at_queue,
    look_at_rule,
)
from resources.doctor_iam import look_at_caller, look_at_right
from resources.doctor_rights import (
    right_of_catalog,
    right_of_queue,
    right_of_table,
    rights_of_jobs,
    rights_of_lake,
)
from resources.doctor_s3 import look_at_bucket, look_at_bucket_settings
from resources.doctor_tables import look_at_database, look_at_ledger_items, look_at_ledger_table
from resources.emr_settings import read_settings
from resources.objects import DELETABLE, Zone

if TYPE_CHECKING:
    from resources.environments import Settings
    from resources.secrets import SecretsResource

ZONES: tuple[Zone, ...] = get_args(Zone)
CALLER = "credentials"
PREFIX, TABLE = "PRODUCT360_LAKE_PREFIX", "PRODUCT360_LEDGER_TABLE"
QUEUE, EMR = "PRODUCT360_EVENT_QUEUE", "PRODUCT360_EMR"


def aws_checks(chosen: Settings, wanted: Wanted, secrets: SecretsResource) -> list[Check]:
    """The checks of the account and region that the SDK's settings name."""
    return [
        Check(CALLER, look_at_caller),
        *_of_settings(chosen),
        *_of_buckets(str(chosen.lake_prefix), wanted),
        *_of_events(str(chosen.event_queue), f"{chosen.lake_prefix}-landing"),
        *_of_ledger(str(chosen.ledger_table)),
        *_of_catalog(wanted.namespaces),
        *_of_secrets(secrets, wanted.secrets),
        *_of_jobs(chosen.emr or Path()),
    ]


def _of_settings(chosen: Settings) -> Iterator[Check]:
    said = {
        PREFIX: chosen.lake_prefix,
        TABLE: chosen.ledger_table,
        QUEUE: chosen.event_queue,
        EMR: chosen.emr,
    }
    for variable, value in said.items():
        yield _check(variable, partial(_look_at_setting, variable, value))


def _look_at_setting(variable: str, value: object) -> Iterator[Finding]:
    if value:
        yield ok(variable, "set")
    else:
        yield Finding(
            variable,
            "failed",
            "not set",
            "what the deployment made",
            f"export {variable}; docs/aws.md says what each variable names",
        )


def _of_buckets(prefix: str, wanted: Wanted) -> Iterator[Check]:
    buckets: dict[str, str] = {zone: f"{prefix}-{zone}" for zone in ZONES}
    for zone in ZONES:
        name, bucket = f"bucket {zone}", buckets[zone]
        yield _check(name, partial(look_at_bucket, bucket), CALLER, PREFIX)
        yield _check(f"{name} settings", partial(look_at_bucket_settings, zone, bucket), name)
    # Upkeep removes what no state of a published table names any more.
    deletable = {*DELETABLE, *wanted.namespaces}
    for right in rights_of_lake(buckets, deletable):
        yield _check("lake permissions", partial(look_at_right, right), CALLER, PREFIX)


def _of_events(url: str, landing: str) -> Iterator[Check]:
    yield _check("queue", partial(look_at_queue, url), CALLER, QUEUE)
    yield _check("dead letters", partial(look_at_dead_letters, url), "queue")
    yield _check("announcing", partial(look_at_announcing, landing), "bucket landing")
    yield _check("rule", partial(look_at_rule, url, landing), "queue", PREFIX)
    yield _check("queue permissions", partial(look_at_right, right_of_queue(url)), CALLER, QUEUE)


def _of_ledger(table: str) -> Iterator[Check]:
    yield _check("ledger and registry", partial(look_at_ledger_table, table), CALLER, TABLE)
    # Whoever may not describe the table may still ask for items; whoever has none, need not.
    yield _check("ledger items", partial(look_at_ledger_items, table), CALLER, TABLE)
    yield _check("ledger permissions", partial(look_at_right, right_of_table(table)), CALLER, TABLE)


def _of_catalog(namespaces: Iterable[str]) -> Iterator[Check]:
    for name in namespaces:
        yield _check(f"catalog {name}", partial(look_at_database, name), CALLER)
        yield _check("catalog permissions", partial(look_at_right, right_of_catalog(name)), CALLER)


def _of_secrets(secrets: SecretsResource, references: Iterable[str]) -> Iterator[Check]:
    for name in references:
        yield _check(f"secret {name}", partial(_look_at_secret, secrets, name), CALLER)


def _look_at_secret(secrets: SecretsResource, reference: str) -> Iterator[Finding]:
    """Whether a secret may be read and is a connection; only the number of its fields is told.

    Raises:
        SecretMissing: nobody published it.
    """
    answer = ask(lambda: {"fields": len(secrets.get(reference))})
    thing = f"secret {reference!r}"
    if answer.code:
        yield refusal(thing, "secretsmanager:GetSecretValue", answer.code)
    else:
        yield ok(thing, f"readable, {answer.value['fields']} fields")


def _of_jobs(file: Path) -> Iterator[Check]:
    yield _check("EMR settings", partial(look_at_emr_settings, file), EMR)
    yield _check("EMR application", partial(look_at_application, file), CALLER, "EMR settings")
    yield _check("EMR permissions", partial(_look_at_jobs, file), CALLER, "EMR settings")


def _look_at_jobs(file: Path) -> Iterator[Finding]:
    for right in rights_of_jobs(read_settings(file)):
        yield from look_at_right(right)


def _check(name: str, look: Callable[[], Iterable[Finding]], *needs: str) -> Check:
    return Check(name, look, needs)
