"""`python -m infra`: synthesise the stacks and have them checked, without a network.

    make infra                       the usual plan, into infra/cdk.out
    make infra PLAN=test.yaml        another (infra/plan.py says what may be chosen)

cdk-nag looks at the stacks while they are synthesised, cfn-lint at the templates. Exit status: 0
well, 1 something was found.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.plan import read_plan
from resources.environments import export_variables
from resources.errors import Product360Error

FOLDER = Path(__file__).parent / "cdk.out"
command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@command.command()
def synthesise(
    plan: Annotated[Path | None, typer.Option(help="A YAML file of choices.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the templates go.")] = FOLDER,
    lint: Annotated[bool, typer.Option(help="Have cfn-lint look at the templates.")] = True,
) -> None:
    """Write the templates of a plan, checked."""
    # This was run on node 20 too; without a word, its age is told in a box every time.
    export_variables({"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20"})
    from infra.app import app

    try:
        app(read_plan(plan), folder).synth()
    except (Product360Error, RuntimeError) as error:
        # A choice that means nothing; or what node says of a synthesis that failed, whose findings
        # are printed already.
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    templates = sorted(folder.glob("*.template.json"))
    if lint and (status := _linted(templates)):
        raise typer.Exit(status)
    typer.echo(f"{len(templates)} templates in {folder}, as cdk-nag and cfn-lint would have them")


def _linted(templates: list[Path]) -> int:
    """The status of cfn-lint, which says what it found."""
    linter = Path(sys.executable).with_name("cfn-lint")
    return 1 if subprocess.run([linter, *templates], check=False).returncode else 0


if __name__ == "__main__":
    command()
