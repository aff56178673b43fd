"""Secrets of the local environment: one JSON file that only its owner can read.

The hazard: two processes publish at once. Each change is made under a lock on a neighbouring file
and put in place by a rename, so that a reader sees the file before or after it, never between.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from resources.errors import SecretMissing
from resources.secrets import SecretsResource, fields_of

OWNER_ONLY = 0o600


class LocalSecrets(SecretsResource):
    """The file of secrets, as `{reference: {field: text}}`.

    Attributes:
        path: where the file is; made, for its owner only, when something is published.
    """

    path: str

    def get(self, reference: str) -> Mapping[str, str]:
        """The fields of a secret."""
        known = self._read()
        if reference not in known:
            raise SecretMissing(
                f"secret {reference!r}",
                found=f"{_listed(known)} in {self.path}",
                expected="the connection of a source that is running",
                next_move="start the source (the demo company: python -m demo up), "
                "or publish the secret",
            )
        return fields_of(reference, json.dumps(known[reference]), where=self.path)

    def publish(self, reference: str, values: Mapping[str, str]) -> None:
        """Set the fields of a secret, replacing those it had."""
        self._change(lambda known: known.update({reference: dict(values)}))

    def establish(self, reference: str, values: Mapping[str, str]) -> Mapping[str, str]:
        """See `SecretsResource.establish`; of several processes the first one's values count."""
        if reference not in self._read():
            self._change(lambda known: known.setdefault(reference, dict(values)))
        return self.get(reference)

    def uri_of(self, reference: str) -> str:
        """See `SecretsResource.uri_of`."""
        return f"file://{Path(self.path).absolute()}#{reference}"

    def withdraw(self, reference: str) -> None:
        """Forget a secret; one that is not there is no error."""
        self._change(lambda known: known.pop(reference, None))

    def _read(self) -> dict[str, object]:
        try:
            known = json.loads(Path(self.path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except PermissionError as error:
            raise SecretMissing(
                self.path,
                found="a file that this user may not read",
                expected="the owner of the home, who alone may",
                next_move="ask the owner, or run as that user",
            ) from error
        except json.JSONDecodeError:
            known = None
        if isinstance(known, dict):
            return known
        raise SecretMissing(
            self.path,
            found="a file that is no JSON object",
            expected='{"reference": {"field": "text"}}',
            next_move="remove the file and publish the secrets again",
        )

    def _change(self, change: Callable[[dict[str, object]], object]) -> None:
        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.with_name(f"{path.name}.lock")):
            known = self._read()
            change(known)
            _replace(path, json.dumps(known, indent=2, sort_keys=True))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _listed(known: Mapping[str, object]) -> str:
    return f"only {', '.join(sorted(known))}" if known else "no secret"
