"""The company as a whole: started for somebody, used by others, and stopped whatever happens.

Started for a process, it ends with that process: orderly when it can, by its guardian when the
process was killed, and by the next start when even the guardian was. Started for nobody, it stays
until it is told to stop. The hazard: a company that another process runs is borrowed, not owned;
whoever borrows it does not stop it.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from demo.calendar import LAST_WEEK, closing, said
from demo.database import (
    SYSTEMS,
    DatabaseReady,
    clock,
    rows_by_table,
    session_of,
    start_database,
)
from demo.deliveries import deliver_clicks, deliver_prices_and_promotions
from demo.file_drop import FileDrop
from demo.guardian import spawn_guardian
from demo.manifest import Advanced, change_counts, last_week, write_manifest
from demo.postgres import HOST, Postgres, free_port
from demo.processes import Process, is_alive, running, stop_process
from demo.saas_process import ready, spawn
from demo.state import CompanyState, StateFiles
from demo.weeks import let_weeks_happen
from resources.errors import ServiceUnavailable

if TYPE_CHECKING:
    from demo.saas import Client
    from demo.settings import Scale
    from resources.local.secrets import LocalSecrets

SERVICES: Final = ("crm", "marketing")
_CHILD_SECONDS: Final = 30


def database_secret(system: str) -> str:
    """The reference under which a database's connection is published."""
    return f"{system}_database"


def service_secret(system: str) -> str:
    """The reference under which a service's address and client are published."""
    return f"{system}_api"


@dataclass(frozen=True)
class Started:
    """A company at work; `borrowed` when somebody else runs it.

    `recovered`: one that had been killed was still about, and was cleared away first.
    """

    state: CompanyState
    borrowed: bool
    recovered: bool = False


class Company:
    """The company of one home."""

    def __init__(self, home: Path, *, choose_port: Callable[[], int] = free_port) -> None:
        self.home = home
        self.files = StateFiles(home / "company")
        self._server = Postgres(self.files.folder / "postgres", choose_port=choose_port)
        self._saas_log = self.files.folder / "saas.log"
        # Both are held, because losing one closes its input, which ends it.
        self._guardian: subprocess.Popen[bytes] | None = None
        self._saas: subprocess.Popen[bytes] | None = None

    def start(self, scale: Scale, *, owned: bool) -> Started:
        """Start every system, with this scale's data, and publish how to reach them.

        Args:
            scale: which share of the households exists.
            owned: whether it ends with this process; otherwise it stays until `stop`.

        Raises:
            HomeMismatch: this home belongs to another scale.
            ServiceUnavailable: a system does not start.
        """
        try:
            with self.files.locked():
                self.files.claim(scale)
                state = self.files.read()
                if state is not None and self.is_running(state):
                    return Started(state, borrowed=True)
                self._clean_up(state)
                fresh = self._start(scale, owned=owned)
                return Started(fresh, borrowed=False, recovered=state is not None)
        except BaseException:
            # Without the lock, because the guardian takes it once more before it goes.
            self._dismiss_guardian()
            raise

    def stop(self, *, left_by: Process | None = None) -> bool:
        """Stop every system and withdraw the secrets. One that does not run is no error.

        Args:
            left_by: stop only what this process, now dead, was the owner of.

        Returns:
            Whether there was something to stop.
        """
        with self.files.locked():
            state = self.files.read()
            if left_by is not None and (state is None or state.owner != left_by):
                return False
            self._clean_up(state)
        self._dismiss_guardian()
        return state is not None

    def advance(self, weeks: int | None = None) -> Advanced:
        """Let the next weeks happen in the databases; without a number, the rest of the year.

        After the year, each is a day; see `demo.weeks`.

        Each is one transaction. Afterwards the secrets tell the calendar's new time, and the
        manifest what was changed; a run that was killed in between is made up for by the next.

        Raises:
            ServiceUnavailable: the company does not run.
        """
        with self.files.locked():
            state = self.files.read()
            if state is None or not self.is_running(state):
                raise _not_running(self.home)
            with self._server.at_work(), session_of(self._server, state.ports["postgres"]) as open_:
                through = LAST_WEEK if weeks is None else last_week(open_) + weeks
                happened = let_weeks_happen(open_, through=through)
                counts, now, rows = change_counts(open_), clock(open_), rows_by_table(open_)
            vault = self._vault()
            for reference in map(database_secret, SYSTEMS):
                vault.publish(reference, {**vault.get(reference), "clock": now})
            write_manifest(self.files.folder, counts)
            self.files.write(replace(state, rows={**state.rows, **rows}))
        return Advanced(happened, counts)

    def is_running(self, state: CompanyState) -> bool:
        """Whether everything that the state names is alive."""
        return (
            bool(state.ports)
            and (state.owner is None or is_alive(state.owner))
            and self._server.process() is not None
            and is_alive(state.processes["saas"])
        )

    def remember(self, name: str, process: Process) -> None:
        """Have one more process stopped with the company, should its owner be killed."""
        with self.files.locked():
            state = self.files.read()
            if state is not None:
                self.files.write(replace(state, processes={**state.processes, name: process}))

    def _start(self, scale: Scale, *, owned: bool) -> CompanyState:
        owner = running(os.getpid()) if owned else None
        if owner is not None:
            self._guardian = spawn_guardian(self.files.folder, owner)
        state = CompanyState(scale=scale, owner=owner)
        self.files.write(state)
        try:
            return self._started(state)
        except BaseException:
            self._clean_up(self.files.read())
            raise

    def _started(self, state: CompanyState) -> CompanyState:
        clients = _new_clients()
        owned = state.owner is not None
        self._saas = saas = spawn(state.scale, clients, log=self._saas_log, owned=owned)
        if (process := running(saas.pid)) is not None:
            state = replace(state, processes={"saas": process})
            self.files.write(state)
        database, rows = self._filled(state.scale)
        serving = ready(saas, self._saas_log)
        ports = {"postgres": database.port, "saas": serving.port}
        self._publish(database, clients, ports["saas"])
        write_manifest(self.files.folder, database.counts)
        state = replace(state, ports=ports, rows={**rows, **serving.rows})
        self.files.write(state)
        return state

    def _filled(self, scale: Scale) -> tuple[DatabaseReady, Mapping[str, int]]:
        """The database at work, and everything that the company delivers itself delivered."""
        with ThreadPoolExecutor(max_workers=3) as pool:
            # First, because its own processes use the second core while this one still imports.
            database = pool.submit(start_database, self._server, scale)
            drop = self._drop()
            files = pool.submit(deliver_prices_and_promotions, scale, drop)
            events = pool.submit(deliver_clicks, scale, drop)
            try:
                rows = {**database.result().rows, **files.result(), **events.result()}
            except BaseException:
                drop.cancel()
                self._server.stop()
                raise
        return database.result(), rows

    def _drop(self) -> FileDrop:
        from resources.objects import LakeResource

        landing = LakeResource(uri=f"file://{self.home}/lake").zone("landing")
        return FileDrop(landing, self.files.folder / "outbox")

    def _publish(self, database: DatabaseReady, clients: Mapping[str, Client], port: int) -> None:
        vault = self._vault()
        for system, connection in database.connections.items():
            vault.publish(database_secret(system), connection)
        for system, client in clients.items():
            vault.publish(
                service_secret(system),
                {
                    "base_url": f"http://{HOST}:{port}/{system}",
                    "client_id": client.client_id,
                    "client_secret": client.client_secret,
                    "clock": said(closing(LAST_WEEK)),
                },
            )

    def _vault(self) -> LocalSecrets:
        from resources.local.secrets import LocalSecrets

        return LocalSecrets(path=str(self.home / "secrets.json"))

    def _clean_up(self, state: CompanyState | None) -> None:
        """Leave nothing running and nothing published; the data stays."""
        self._server.stop()
        if state is None:
            return
        for process in state.processes.values():
            stop_process(process)
        self._let_go(self._saas)
        vault = self._vault()
        for reference in (*map(database_secret, SYSTEMS), *map(service_secret, SERVICES)):
            vault.withdraw(reference)
        self.files.clear()

    def _dismiss_guardian(self) -> None:
        self._let_go(self._guardian)
        self._guardian = None

    @staticmethod
    def _let_go(child: subprocess.Popen[bytes] | None) -> None:
        """End the lifeline to a child and wait until it is gone."""
        if child is not None and child.stdin is not None:
            child.stdin.close()
            child.wait(_CHILD_SECONDS)


@contextmanager
def running_company(company: Company, scale: Scale) -> Iterator[Started]:
    """The company while the block runs: borrowed if it runs already, else started and stopped."""
    started = company.start(scale, owned=True)
    try:
        yield started
    finally:
        if not started.borrowed:
            company.stop()


def _not_running(home: Path) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"the demo company of {home}",
        found="no company that runs",
        expected="its databases at work, as nothing happens in them otherwise",
        next_move="python -m demo up, or make dev in another terminal; then the same again",
    )


def _new_clients() -> dict[str, Client]:
    from demo.saas import Client

    return {
        system: Client(f"product360-{system}", secrets.token_urlsafe(24)) for system in SERVICES
    }
