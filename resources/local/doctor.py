"""What is looked at in the local environment, in the order in which one thing needs another."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from resources.catalog import LocalCatalogResource
from resources.doctor import Check, Finding, Wanted
from resources.local.doctor_engine import look_at_engine, look_at_java
from resources.local.doctor_home import (
    look_at_daemon,
    look_at_disk,
    look_at_home,
    look_at_secrets_file,
)
from resources.local.doctor_sources import look_at_database, look_at_secret
from resources.local.doctor_stores import STORES, look_at_store, look_at_tables
from resources.local.secrets import LocalSecrets

if TYPE_CHECKING:
    from resources.environments import Settings


def local_checks(chosen: Settings, wanted: Wanted, java_home: str | None) -> list[Check]:
    """The checks of a home and of what runs on this machine."""
    home = chosen.home
    secrets = LocalSecrets(path=str(home / "secrets.json"))
    catalog = LocalCatalogResource(home=str(home))
    java = ("packages", "java") if chosen.engine == "spark" else ("packages",)
    return [
        _check("home", partial(look_at_home, home)),
        _check("disk", partial(look_at_disk, home)),
        _check("daemon", partial(look_at_daemon, home)),
        *(_check(store.name, partial(look_at_store, store, home)) for store in STORES),
        _check("tables", partial(look_at_tables, catalog), "home", "catalog"),
        _check("secrets file", partial(look_at_secrets_file, home / "secrets.json")),
        *(
            _check(f"secret {name}", partial(look_at_secret, secrets, name))
            for name in wanted.secrets
        ),
        *(
            _check(f"database {name}", partial(look_at_database, secrets, name), "packages")
            for name in wanted.databases
        ),
        _check("java", partial(look_at_java, chosen.engine, java_home)),
        _check("engine", partial(look_at_engine, chosen.engine), *java),
    ]


def _check(name: str, look: Callable[[], Iterable[Finding]], *needs: str) -> Check:
    return Check(name, look, needs)
