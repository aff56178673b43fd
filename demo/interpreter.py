"""The Python that runs this: is it one that can?

The hazard: this is asked by Pythons that cannot. So any Python 3 can read this module, and nothing
but the standard library and the error tree is imported for it.
"""

from __future__ import annotations

import importlib.util
import sys

from resources.errors import PythonUnfit

VERSIONS = ((3, 11), (3, 12))
# One of many; it was installed together with all the others or not at all.
A_PACKAGE = "typer"


def expect_fitting_python() -> None:
    """Expect a Python that can run this, with what it needs installed.

    Raises:
        PythonUnfit: it is another version, or not the one that the packages were installed for.
    """
    version = tuple(sys.version_info[:2])
    packages = importlib.util.find_spec(A_PACKAGE) is not None
    if version in VERSIONS and packages:
        return
    lacking = ", without this project's packages" if version in VERSIONS else ""
    raise PythonUnfit(
        f"the Python {sys.executable}",
        found=f"version {version[0]}.{version[1]}{lacking}",
        expected="Python 3.11 or 3.12 with the locked packages, which make installs into .venv",
        next_move="start it with make demo, or with .venv/bin/python -m demo",
    )
