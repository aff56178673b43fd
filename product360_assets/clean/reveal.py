"""Reversing a token: by who may read the key, one at a time, and written down before it is shown.

The record lies in the clean zone, where nothing is ever deleted, as one object for each attempt:
who asked for which token and why, and whether it was reversed; never what it stands for.

The hazard: a value that was shown and not recorded. So the record is durable before the value
leaves this module, and where it cannot be written there is no value.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets as random
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from product360_assets.core.contract import SourceContract
from resources.errors import TokenUnknown
from resources.objects import ObjectStore
from resources.secrets import SecretsResource
from resources.treatment_keys import key_of
from spark.tokens import TokenInvalid, reversed_token, token_version

RECORDS = "audit/reveals"


@dataclass(frozen=True)
class Reveal:
    """One attempt to reverse a token. `domain` is None where no domain knows it."""

    token: str
    domain: str | None
    key_version: str
    reason: str
    user: str
    host: str
    at: str


def reveal(
    token: str,
    *,
    reason: str,
    contracts: Iterable[SourceContract],
    secrets: SecretsResource,
    audit: ObjectStore,
) -> str:
    """The value that a token stands for, in whichever declared domain made it.

    Raises:
        TokenUnknown: it is no token, or none of the declared domains and this key.
        SecretMissing: this process may not read the key.
    """
    try:
        version = token_version(token)
    except TokenInvalid as error:
        raise _unknown(str(error)) from error
    master = key_of(secrets, version)
    for domain in token_domains(contracts):
        try:
            value = reversed_token(token, master, domain=domain)
        except TokenInvalid:
            continue
        _record(audit, token, domain, version, reason)
        return value
    _record(audit, token, None, version, reason)
    raise _unknown(f"a token that key {version} did not make in any declared domain")


def token_domains(contracts: Iterable[SourceContract]) -> list[str]:
    """The domains of every column that is tokenised."""
    documents = [
        contract.treatment_of(table, column)
        for contract in contracts
        for table in contract.tables
        for column in table.columns
        if column.treatment == "tokenise"
    ]
    return sorted({str(document["domain"]) for document in documents if document})


def _record(
    audit: ObjectStore, token: str, domain: str | None, key_version: str, reason: str
) -> None:
    now = datetime.now(UTC)
    made = Reveal(
        token=token,
        domain=domain,
        key_version=key_version,
        reason=reason,
        # The account that the system knows, not what a variable says.
        user=pwd.getpwuid(os.getuid()).pw_name,
        host=socket.gethostname(),
        at=now.isoformat(),
    )
    key = f"{RECORDS}/{now:%Y/%m/%d}/{now:%H%M%S%f}-{random.token_hex(4)}.json"
    audit.put(key, json.dumps(asdict(made), sort_keys=True).encode())


def _unknown(found: str) -> TokenUnknown:
    return TokenUnknown(
        "the token",
        found=found,
        expected="a token as a tokenised column of clean holds it, whole",
        next_move="copy it again; a hash (h1-…) cannot be reversed by anybody",
    )
