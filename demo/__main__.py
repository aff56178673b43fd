"""`python -m demo` is the demo company's command.

The hazard: whoever starts it with another Python gets a traceback about a missing package or a
syntax that this Python does not know. So this module and what it imports are read by any Python 3,
and look at it first.
"""

from __future__ import annotations

import sys

from demo.interpreter import expect_fitting_python
from resources.errors import PythonUnfit


def main() -> None:
    """Run the command with this process's arguments, and exit."""
    try:
        expect_fitting_python()
    except PythonUnfit as unfit:
        sys.exit(f"{type(unfit).__name__}: {unfit}")
    from demo.commands import app

    app(prog_name="python -m demo")


if __name__ == "__main__":
    main()
