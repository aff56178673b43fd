"""Where alerts go: a log of JSON lines, a webhook, an SNS topic.

Each gets the same document. `send` raises whatever goes wrong; whoever calls it tries again later.

The hazard: a webhook's address is often a secret itself. It is looked up by reference when it is
needed, it is never logged, and nothing is sent in clear but to this machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from resources.aws import client, translated
from resources.errors import ServiceUnavailable, SettingInvalid

TIMEOUT_SECONDS = 10.0
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
# SNS's limit for the subject of a message.
SUBJECT_CHARACTERS = 100

Document = Mapping[str, Any]


class Receiver(Protocol):
    """One place to which alerts go."""

    def send(self, document: Document) -> None:
        """Deliver one notice, or raise."""


@dataclass(frozen=True)
class LogReceiver:
    """A file to which each notice is added as one line of JSON."""

    path: Path

    def send(self, document: Document) -> None:
        """Add a line, in one write, and have it on disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps(document, ensure_ascii=False) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class WebhookReceiver:
    """An address that takes JSON by POST.

    Attributes:
        fields: gives the secret's fields when asked: `url`, and `token` if it wants a bearer token.
    """

    fields: Callable[[], Mapping[str, str]]

    def send(self, document: Document) -> None:
        """Post it; every answer but 2xx is a failure, and no redirection is followed.

        Raises:
            SettingInvalid: the address is neither HTTPS nor on this machine.
            ServiceUnavailable: another answer than 2xx.
        """
        import httpx

        fields = self.fields()
        address = urlsplit(fields.get("url", ""))
        local = address.hostname in LOOPBACK
        if not (address.scheme == "https" or (address.scheme == "http" and local)):
            raise SettingInvalid(
                "an alert webhook",
                found=f"the scheme {address.scheme!r} in the `url` of its secret",
                expected="https, or http to this machine",
                next_move="publish the secret again with another `url`",
            )
        headers = {"Authorization": f"Bearer {fields['token']}"} if "token" in fields else {}
        # No proxy stands between this machine and itself.
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=not local) as http:
            status = http.post(fields["url"], json=dict(document), headers=headers).status_code
        if not 200 <= status < 300:
            raise ServiceUnavailable(
                "an alert webhook",
                found=f"the answer {status}",
                expected="2xx",
                next_move="ask its owner; the notice is tried again by itself",
            )


@dataclass(frozen=True)
class SnsReceiver:
    """A topic of Amazon SNS; subscribers can filter by `kind`, `severity` and `change`."""

    topic_arn: str

    def send(self, document: Document) -> None:
        """Publish it."""
        attributes = {
            name: {"DataType": "String", "StringValue": str(document[name])}
            for name in ("kind", "severity", "change")
        }
        with translated("Amazon SNS", self.topic_arn):
            client("sns").publish(
                TopicArn=self.topic_arn,
                Subject=_subject(document),
                Message=json.dumps(document, ensure_ascii=False),
                MessageAttributes=attributes,
            )


def _subject(document: Document) -> str:
    # SNS takes printable ASCII only.
    text = f"{document['change']}: {document['summary']}"
    return text.encode("ascii", "replace").decode()[:SUBJECT_CHARACTERS]
