"""The process that hosts the Sail engine; started by `resources.local.sail` as a plain script.

It prints the address it listens on and lives until its standard input ends. That pipe is held by
the parent alone, so the engine ends with its parent however that one died, `kill -9` included. It
must be a process of its own: inside another interpreter the server keeps that interpreter from
ending, and it reads timestamps right only with TZ=UTC.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Serve until the parent closes the pipe."""
    from pysail.spark import SparkConnectServer  # type: ignore[import-untyped]

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    address = server.listening_address
    if address is None:
        sys.exit("the engine did not start to listen")
    sys.stdout.write(f"{address[0]}:{address[1]}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    # Not sys.exit: the server's threads would keep the interpreter alive.
    os._exit(0)


if __name__ == "__main__":
    main()
