"""Every command of the README works as it says, and what it shows is what it prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from lineage import REPOSITORY, Lineage

pytestmark = pytest.mark.flow

README = (REPOSITORY / "README.md").read_text()
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.removeprefix("$ ").split("  #")[0].strip()
    for block in CONSOLE.findall(README)
    for line in block.splitlines()
    if line.startswith("$ ")
]


def test_the_readme_has_commands() -> None:
    assert {"make demo", "make dev", "make test", "make check"} <= set(COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(".venv/bin/product360 ")])
def test_a_command_of_the_readme_answers(command: str, sail: Lineage) -> None:
    done = sail.command(*shlex.split(command)[1:])
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 5


def test_ci_runs_the_make_commands_of_the_readme() -> None:
    script = (REPOSITORY / ".ci/run").read_text()
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = {command.split()[1] for command in COMMANDS if command.startswith("make ")}
    assert [name for name in targets if f"\n{name}: " not in makefile] == []
    # `make dev` has no end; test_dev.py starts it.
    assert [name for name in targets - {"dev"} if f"make {name}" not in script] == []


def test_the_story_in_the_readme_is_the_one_the_demo_tells(sail: Lineage) -> None:
    shown = re.search(r"^```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert shown is not None
    told = sail.told.read_text()
    # Only times differ.
    lines = [line.strip() for line in shown[1].splitlines() if re.search(r"\d", line)]
    stable = [
        line for line in lines if not re.search(r"\d s\b|/lake|checks? warns?|^product360 ", line)
    ]
    assert len(stable) > 15
    told_lines = {line.strip() for line in told.splitlines()}
    assert [line for line in stable if line not in told_lines] == []


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)[^)]*\)", README))
def test_a_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert (Path(REPOSITORY) / link).exists()
