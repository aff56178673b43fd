"""The ledger's table and the catalog's databases on AWS.

The hazard is a table of the right name and the wrong keys: it is found, and every request to it is
refused with a message about attributes. So its keys are compared, and one item is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from resources.doctor import Finding, ok
from resources.doctor_calls import Clients, ask, refusal
from resources.dynamodb_items import PARTITION_KEY, SORT_KEY

KEYS = (PARTITION_KEY, "HASH", "S"), (SORT_KEY, "RANGE", "S")
MISSING = "ResourceNotFoundException"
# No item of ours: the question whether one may ask.
_NOBODY = {key: {"S": "doctor"} for key in (PARTITION_KEY, SORT_KEY)}


def look_at_ledger_table(aws: Clients, name: str) -> Iterator[Finding]:
    """Whether the table is there, active, and has the keys that the ledger writes by."""
    thing = f"table {name}"
    answer = ask(lambda: aws("dynamodb").describe_table(TableName=name))
    if answer.code == MISSING:
        yield _no_table(thing)
    elif answer.code:
        yield refusal(thing, "dynamodb:DescribeTable", answer.code, needed=False)
    else:
        yield _described(thing, answer.value["Table"])


def look_at_ledger_items(aws: Clients, name: str) -> Iterator[Finding]:
    """Whether an item may be asked for."""
    thing = f"items of table {name}"
    answer = ask(lambda: aws("dynamodb").get_item(TableName=name, Key=_NOBODY, ConsistentRead=True))
    if answer.code == MISSING:
        yield _no_table(thing)
    elif answer.code == "ValidationException":
        yield _other_keys(thing, "other keys than are asked for")
    elif answer.code:
        yield refusal(thing, "dynamodb:GetItem", answer.code)
    else:
        yield ok(thing, "may be read")


def look_at_database(aws: Clients, name: str) -> Iterator[Finding]:
    """Whether a database of the Glue Data Catalog is there, and how many tables it has."""
    thing, glue = f"Glue database {name}", aws("glue")
    answer = ask(lambda: glue.get_database(Name=name))
    if answer.code == "EntityNotFoundException":
        yield Finding(
            thing,
            "warning",
            "no such database; who first describes a table in it makes it, if its role may",
            "one database for each zone of published tables, and for raw, clean and quarantine",
            f"deploy the infrastructure, or aws glue create-database --database-input Name={name}",
        )
        return
    if answer.code:
        yield refusal(thing, "glue:GetDatabase", answer.code)
        return
    pages = glue.get_paginator("get_tables").paginate(DatabaseName=name)
    tables = ask(lambda: {"tables": [t["Name"] for page in pages for t in page["TableList"]]})
    if tables.code:
        yield refusal(thing, "glue:GetTables", tables.code)
    else:
        yield ok(thing, f"there, {len(tables.value['tables'])} tables")


def _described(thing: str, table: Mapping[str, Any]) -> Finding:
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    keys = tuple(
        (key["AttributeName"], key["KeyType"], types.get(key["AttributeName"]))
        for key in table["KeySchema"]
    )
    if keys != KEYS:
        return _other_keys(thing, " and ".join(f"{key} ({kind}, {of})" for key, kind, of in keys))
    if table["TableStatus"] not in ("ACTIVE", "UPDATING"):
        return Finding(
            thing,
            "failed",
            f"its state is {table['TableStatus']}",
            "ACTIVE",
            "wait until it is made; a table that is being deleted is restored from a backup",
        )
    return ok(thing, f"{table['TableStatus']}, keys pk and sk")


def _other_keys(thing: str, found: str) -> Finding:
    return Finding(
        thing,
        "failed",
        found,
        "pk (HASH, S) and sk (RANGE, S)",
        "keys of a table cannot be changed: deploy another one, and name it in "
        "PRODUCT360_LEDGER_TABLE",
    )


def _no_table(thing: str) -> Finding:
    return Finding(
        thing,
        "failed",
        "no such table in this account and region",
        "the table of ledger and registry",
        "deploy the infrastructure, or correct PRODUCT360_LEDGER_TABLE or AWS_DEFAULT_REGION",
    )
