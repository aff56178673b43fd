"""The services as a process of their own: started with a document, ended with their owner.

    python -m demo.saas_process        reads one line of JSON, answers with one, serves

The hazard: a killed owner runs no clean-up. An owned process therefore keeps reading its standard
input, which its owner never writes to again, and stops when that comes to its end.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from demo.postgres import HOST
from demo.processes import send_first_line
from resources.errors import ServiceUnavailable

if TYPE_CHECKING:
    import uvicorn

    from demo.saas import Client
    from demo.settings import Scale

_START_SECONDS: Final = 60
_LAST_ANSWERS_SECONDS: Final = 5


@dataclass(frozen=True)
class Serving:
    """Services that answer on a port of 127.0.0.1; `rows` are the records of each object."""

    port: int
    rows: Mapping[str, int]


def spawn(
    scale: Scale, clients: Mapping[str, Client], *, log: Path, owned: bool
) -> subprocess.Popen[bytes]:
    """Start the process; `ready` waits until it serves.

    Args:
        scale: which households the records are about.
        clients: who may ask which service.
        log: the file that gets its messages.
        owned: whether it ends when this process does.
    """
    with log.open("wb") as messages:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo.saas_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            cwd=Path(__file__).parents[1],
            # Ctrl-C in a terminal reaches the whole group; the owner decides when this ends.
            start_new_session=True,
        )
    document = {
        "scale": scale,
        "clients": {name: asdict(client) for name, client in clients.items()},
        "owned": owned,
    }
    # A process that died at once is noticed by `ready`, which knows what it said.
    with suppress(BrokenPipeError):
        send_first_line(process, document, close=not owned)
    return process


def ready(process: subprocess.Popen[bytes], log: Path) -> Serving:
    """Where the services are, once they answer there.

    Raises:
        ServiceUnavailable: they did not start; the end of their log says why.
    """
    output = process.stdout
    line = b""
    if output is not None and select.select([output], [], [], _START_SECONDS)[0]:
        line = output.readline()
        output.close()
    if not line:
        raise ServiceUnavailable(
            "the demo company's services",
            found=log.read_text(encoding="utf-8", errors="replace")[-2000:] or "no answer",
            expected=f"a server within {_START_SECONDS} s",
            next_move=f"read {log}, then try again",
        )
    return Serving(**json.loads(line))


def main() -> None:
    """Serve what the first line of standard input says, until told to end."""
    import uvicorn

    from demo.saas import Client, services
    from demo.saas_objects import read_objects

    document = json.loads(sys.stdin.readline())
    clients = {name: Client(**client) for name, client in document["clients"].items()}
    objects = list(read_objects(document["scale"]))
    application = services(objects, clients)
    listener = socket.socket()
    listener.bind((HOST, 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(application, log_level="warning", access_log=False))
    if document["owned"]:
        threading.Thread(target=_end_with_owner, args=(server,), daemon=True).start()
    rows = {f"{each.system}.{each.name}": len(each.rows) for each in objects}
    serving = Serving(port=listener.getsockname()[1], rows=rows)
    sys.stdout.write(json.dumps(asdict(serving)) + "\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


def _end_with_owner(server: uvicorn.Server) -> None:
    sys.stdin.read()
    server.should_exit = True
    threading.Event().wait(_LAST_ANSWERS_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main()
