"""Every fault that the platform is proven against has its tests in one place, under its number."""

from __future__ import annotations

import re
from pathlib import Path

FAULTS = Path(__file__).parents[1] / "faults"


def test_each_fault_has_tests_with_its_number_in_their_names() -> None:
    found = {
        int(number)
        for path in FAULTS.rglob("test_*.py")
        for name in re.findall(r"^def test_((?:f\d+_)+)", path.read_text(), re.MULTILINE)
        for number in re.findall(r"f(\d+)_", name)
    }
    assert found == set(range(1, 29))
