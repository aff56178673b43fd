"""What is looked at in the `aws` environment, in the order in which one thing needs another.

The hazard is a setting that is missing: all that hangs on it would be reported as broken. So a
setting is a check of its own, and what needs it is skipped for that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, get_args

from resources.doctor import Check, Finding, Wanted, check, ok
from resources.doctor_calls import Clients, ask, refusal
from resources.doctor_emr import look_at_application, look_at_emr_settings
from resources.doctor_events import (
    look_at_announcing,
    look_at_dead_letters,
    look_at_queue,
    look_at_rule,
)
from resources.doctor_iam import look_at_caller, look_at_region, look_at_right
from resources.doctor_rights import (
    Right,
    right_of_catalog,
    right_of_entries,
    right_of_optimizers,
    right_of_queue,
    right_of_table,
    rights_of_jobs,
    rights_of_lake,
)
from resources.doctor_s3 import look_at_bucket, look_at_bucket_settings
from resources.doctor_streams import look_at_stream, right_of_stream
from resources.doctor_tables import look_at_database, look_at_ledger_items, look_at_ledger_table
from resources.emr_settings import EmrSettings, read_settings
from resources.errors import SecretMissing
from resources.external_tables import DESCRIBED
from resources.objects import DELETABLE, ERASABLE, Zone
from resources.treatment_keys import REFERENCE, current_key

if TYPE_CHECKING:
    from resources.environments import Settings
    from resources.secrets import SecretsResource

ZONES: tuple[Zone, ...] = get_args(Zone)
CALLER = "credentials"
PREFIX, TABLE = "PRODUCT360_LAKE_PREFIX", "PRODUCT360_LEDGER_TABLE"
QUEUE, EMR = "PRODUCT360_EVENT_QUEUE", "PRODUCT360_EMR"


def aws_checks(
    chosen: Settings, wanted: Wanted, secrets: SecretsResource, aws: Clients
) -> list[Check]:
    """The checks of the account and region that the SDK's settings name."""
    return [
        Check("region", look_at_region),
        check(CALLER, partial(look_at_caller, aws), "region"),
        *_of_settings(chosen),
        *_of_buckets(aws, str(chosen.lake_prefix), wanted),
        *_of_events(aws, str(chosen.event_queue), f"{chosen.lake_prefix}-landing"),
        *_of_ledger(aws, str(chosen.ledger_table)),
        *_of_catalog(aws, wanted.namespaces, right_of_catalog),
        *_of_catalog(aws, DESCRIBED, right_of_entries),
        *_of_secrets(secrets, wanted),
        *_of_streams(aws, wanted.streams),
        *_of_jobs(aws, partial(read_settings, chosen.emr, chosen.emr_deployed)),
        *_of_optimizers(aws, chosen),
    ]


def _of_settings(chosen: Settings) -> Iterator[Check]:
    said = {
        PREFIX: chosen.lake_prefix,
        TABLE: chosen.ledger_table,
        QUEUE: chosen.event_queue,
        EMR: chosen.emr or chosen.emr_deployed,
    }
    for variable, value in said.items():
        yield check(variable, partial(_look_at_setting, variable, value))


def _look_at_setting(variable: str, value: object) -> Iterator[Finding]:
    fix = f"export {variable}; docs/aws.md says what each variable names"
    if value:
        yield ok(variable, "set")
    else:
        yield Finding(variable, "failed", "not set", "what the deployment made", fix)


def _of_buckets(aws: Clients, prefix: str, wanted: Wanted) -> Iterator[Check]:
    buckets: dict[str, str] = {zone: f"{prefix}-{zone}" for zone in ZONES}
    for zone in ZONES:
        name, bucket = f"bucket {zone}", buckets[zone]
        yield check(name, partial(look_at_bucket, aws, bucket), CALLER, PREFIX)
        yield check(f"{name} settings", partial(look_at_bucket_settings, aws, zone, bucket), name)
    # Erasure removes what tells of a subject, upkeep what no state of a published table names.
    deletable = {*DELETABLE, *ERASABLE, *wanted.namespaces}
    for right in rights_of_lake(buckets, deletable):
        yield check("lake permissions", partial(look_at_right, aws, right), CALLER, PREFIX)


def _of_events(aws: Clients, url: str, landing: str) -> Iterator[Check]:
    yield check("queue", partial(look_at_queue, aws, url), CALLER, QUEUE)
    yield check("dead letters", partial(look_at_dead_letters, aws, url), "queue")
    yield check("announcing", partial(look_at_announcing, aws, landing), "bucket landing")
    yield check("rule", partial(look_at_rule, aws, url, landing), "queue", PREFIX)
    yield check(
        "queue permissions", partial(look_at_right, aws, right_of_queue(url)), CALLER, QUEUE
    )


def _of_ledger(aws: Clients, table: str) -> Iterator[Check]:
    yield check("ledger and registry", partial(look_at_ledger_table, aws, table), CALLER, TABLE)
    yield check("ledger items", partial(look_at_ledger_items, aws, table), CALLER, TABLE)
    yield check(
        "ledger permissions", partial(look_at_right, aws, right_of_table(table)), CALLER, TABLE
    )


def _of_catalog(
    aws: Clients, namespaces: Iterable[str], right: Callable[[str], Right]
) -> Iterator[Check]:
    for name in namespaces:
        yield check(f"catalog {name}", partial(look_at_database, aws, name), CALLER)
        yield check("catalog permissions", partial(look_at_right, aws, right(name)), CALLER)


def _of_secrets(secrets: SecretsResource, wanted: Wanted) -> Iterator[Check]:
    for name in wanted.secrets:
        yield check(f"secret {name}", partial(_look_at_secret, secrets, name), CALLER)
    if wanted.keyed:
        yield check(f"secret {REFERENCE}", partial(_look_at_keys, secrets), CALLER)


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


def _of_streams(aws: Clients, names: Iterable[str]) -> Iterator[Check]:
    for name in names:
        yield check(f"stream {name}", partial(look_at_stream, aws, name), CALLER)
        right = right_of_stream(name)
        yield check("stream permissions", partial(look_at_right, aws, right), CALLER)


def _look_at_keys(secrets: SecretsResource) -> Iterator[Finding]:
    """Whether there is a key for treated columns; only versions are told."""
    thing = f"secret {REFERENCE!r}"
    try:
        answer = ask(lambda: {"current": current_key(secrets).version})
    except SecretMissing as error:
        fix = "product360 keys rotate, as somebody who may write the secret"
        yield Finding(thing, "failed", error.found, "a ring of keys, made once", fix)
        return
    if answer.code:
        yield refusal(thing, "secretsmanager:GetSecretValue", answer.code)
    else:
        yield ok(thing, f"readable, version {answer.value['current']} is current")


def _of_jobs(aws: Clients, read: Callable[[], EmrSettings]) -> Iterator[Check]:
    yield check("EMR settings", partial(look_at_emr_settings, read), EMR)
    yield check("EMR application", partial(look_at_application, aws, read), CALLER, "EMR settings")
    yield check("EMR permissions", partial(_look_at_jobs, aws, read), CALLER, "EMR settings")


def _look_at_jobs(aws: Clients, read: Callable[[], EmrSettings]) -> Iterator[Finding]:
    for right in rights_of_jobs(read()):
        yield from look_at_right(aws, right)


def _of_optimizers(aws: Clients, chosen: Settings) -> Iterator[Check]:
    if chosen.keeper == "glue" and chosen.optimizer_role:
        right = right_of_optimizers(chosen.optimizer_role)
        yield check("optimizer permissions", partial(look_at_right, aws, right), CALLER)
