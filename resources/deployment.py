"""What a deployment says of itself: the outputs of its stacks, as variables of the environment.

    cdk deploy … --outputs-file outputs.json
    {"product360-storage": {"LakePrefix": "product360-1111…"}, …}

An output is named like the variable that it fills: `LakePrefix` is PRODUCT360_LAKE_PREFIX. So
whatever is deployed is used without anybody copying a name; a variable that is set goes first.

The hazard is a file of another deployment, or of none. Where outputs contradict each other, none
is taken.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from resources.errors import SettingInvalid

VARIABLE = "PRODUCT360_DEPLOYMENT"
_PREFIX = "PRODUCT360_"


def output_name(variable: str) -> str:
    """The output that fills a variable: PRODUCT360_LAKE_PREFIX is filled by LakePrefix."""
    return "".join(word.capitalize() for word in variable.removeprefix(_PREFIX).split("_"))


def variable_name(output: str) -> str:
    """The variable that an output fills."""
    return _PREFIX + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", output).upper()


def deployed_variables(path: Path) -> dict[str, str]:
    """What the outputs in a file say, by the variables that they fill.

    Raises:
        SettingInvalid: the file is not there, is no file of outputs, or contradicts itself.
    """
    try:
        stacks = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _invalid(path, str(error)) from error
    found: dict[str, str] = {}
    for stack, outputs in _items(path, stacks):
        for output, value in _items(path, outputs):
            if found.setdefault(variable_name(output), str(value)) != str(value):
                raise _invalid(path, f"another {output} in {stack} than in a stack before it")
    return found


def _items(path: Path, document: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - as JSON has it
    if isinstance(document, dict):
        return list(document.items())
    raise _invalid(path, f"{type(document).__name__} in place of names")


def _invalid(path: Path, found: str) -> SettingInvalid:
    return SettingInvalid(
        f"the outputs in {path}",
        found=found,
        expected="what `cdk deploy --outputs-file` wrote for one deployment",
        next_move=f"deploy again with --outputs-file, or unset {VARIABLE}",
    )
