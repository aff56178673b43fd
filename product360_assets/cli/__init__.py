"""The `product360` command: what a reader or an operator asks, from a shell.

Exit status: 0 well, 1 found or failed, 2 wrong usage.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command with this process's arguments, and exit."""
    # Inside, so that `product360_assets.cli` can be imported without loading a command line.
    from product360_assets.cli.commands import app
    from product360_assets.cli.surroundings import adopt_env_file

    adopt_env_file()
    sys.exit(app())
