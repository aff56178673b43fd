"""Connections by reference: a source names a secret, and only a run reads what it holds.

The hazard: a secret that reaches a log, an exception or an asset's metadata is published. `get`
returns a plain mapping; pass it on to the client that needs it and to nothing else.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import dagster as dg

from resources.errors import SecretMissing


class SecretsResource(dg.ConfigurableResource[Any], ABC):
    """Reads the secrets of the chosen environment."""

    @abstractmethod
    def get(self, reference: str) -> Mapping[str, str]:
        """The fields of a secret.

        Raises:
            SecretMissing: nobody published it, or it is no set of named texts.
        """


class SecretsManagerSecrets(SecretsResource):
    """AWS Secrets Manager; a secret is a JSON object of texts.

    Attributes:
        prefix: stands before every reference, to keep deployments in one account apart.
    """

    prefix: str = ""

    def get(self, reference: str) -> Mapping[str, str]:
        """The fields of the current version of a secret."""
        from resources.aws import client, translated

        name = f"{self.prefix}{reference}"
        secrets = client("secretsmanager")
        try:
            with translated("AWS Secrets Manager", name):
                answer = secrets.get_secret_value(SecretId=name)
        except secrets.exceptions.ResourceNotFoundException as error:
            raise SecretMissing(
                f"secret {reference!r}",
                found=f"no secret named {name!r} in AWS Secrets Manager",
                expected="a secret with the connection's fields",
                next_move=f"aws secretsmanager create-secret --name {name}",
            ) from error
        return fields_of(reference, answer.get("SecretString", ""), where=f"the secret {name!r}")


def fields_of(reference: str, document: str, *, where: str) -> dict[str, str]:
    """The named texts of a JSON document.

    Raises:
        SecretMissing: the document is something else; its content is not repeated.
    """
    try:
        fields = json.loads(document)
    except json.JSONDecodeError:
        fields = None
    if isinstance(fields, dict) and all(isinstance(value, str) for value in fields.values()):
        return fields
    raise SecretMissing(
        f"secret {reference!r}",
        found=f"something else than named texts in {where}",
        expected='a JSON object such as {"host": "…", "user": "…"}',
        next_move="publish the secret again",
    )
