"""What is looked at in the local environment, in the order in which one thing needs another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from resources.doctor import Check, Wanted, check
from resources.local.doctor_engine import look_at_engine, look_at_java
from resources.local.doctor_home import (
    look_at_daemon,
    look_at_disk,
    look_at_home,
    look_at_secrets_file,
)
from resources.local.doctor_published import look_at_tables
from resources.local.doctor_sources import look_at_database, look_at_secret
from resources.local.doctor_stores import STORES, look_at_store
from resources.local.secrets import LocalSecrets

if TYPE_CHECKING:
    from resources.environments import Settings


def local_checks(chosen: Settings, wanted: Wanted, java_home: str | None) -> list[Check]:
    """The checks of a home and of what runs on this machine."""
    home = chosen.home
    secrets = LocalSecrets(path=str(home / "secrets.json"))
    java = ("packages", "java") if chosen.engine == "spark" else ("packages",)
    return [
        check("home", partial(look_at_home, home)),
        check("disk", partial(look_at_disk, home)),
        check("daemon", partial(look_at_daemon, home), "home"),
        *(check(store.name, partial(look_at_store, store, home), "home") for store in STORES),
        check("tables", partial(look_at_tables, home), "catalog"),
        check("secrets file", partial(look_at_secrets_file, home / "secrets.json"), "home"),
        *(
            check(f"secret {name}", partial(look_at_secret, secrets, name), "home")
            for name in wanted.secrets
        ),
        *(
            check(f"database {name}", partial(look_at_database, secrets, name), "home")
            for name in wanted.databases
        ),
        check("java", partial(look_at_java, chosen.engine, java_home)),
        check("engine", partial(look_at_engine, chosen.engine), *java),
    ]
