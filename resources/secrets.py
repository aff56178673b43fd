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

    @abstractmethod
    def publish(self, reference: str, values: Mapping[str, str]) -> None:
        """Set the fields of a secret, replacing those it had."""

    @abstractmethod
    def establish(self, reference: str, values: Mapping[str, str]) -> Mapping[str, str]:
        """The fields of a secret of our own; of `values` where nobody has published it yet.

        Raises:
            SecretMissing: it is not there, and in this environment a person publishes it.
        """

    @abstractmethod
    def uri_of(self, reference: str) -> str:
        """Where a job finds the secret by itself; the URI holds nothing secret."""


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
                found=f"no secret named {name!r} in AWS Secrets Manager, or nothing in it",
                expected="a secret with the connection's fields",
                next_move=f"aws secretsmanager put-secret-value --secret-id {name}; create-secret "
                f"--name {name} where there is none",
            ) from error
        return fields_of(reference, answer.get("SecretString", ""), where=f"the secret {name!r}")

    def publish(self, reference: str, values: Mapping[str, str]) -> None:
        """Make the secret, or a new version of it; see `SecretsResource.publish`."""
        from resources.aws import client, translated

        name, document = f"{self.prefix}{reference}", json.dumps(dict(values))
        secrets = client("secretsmanager")
        with translated("AWS Secrets Manager", name):
            try:
                secrets.create_secret(Name=name, SecretString=document)
            except secrets.exceptions.ResourceExistsException:
                secrets.put_secret_value(SecretId=name, SecretString=document)

    def establish(self, reference: str, values: Mapping[str, str]) -> Mapping[str, str]:
        """See `SecretsResource.establish`: a role that runs jobs may not make secrets."""
        del values
        return self.get(reference)

    def uri_of(self, reference: str) -> str:
        """See `SecretsResource.uri_of`."""
        return f"secretsmanager:{self.prefix}{reference}"


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
