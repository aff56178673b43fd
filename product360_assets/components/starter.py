"""A commented file to begin a new source system with.

    dg scaffold defs product360_assets.components.SourceSystem NAME [--kind database]

The file is valid as it stands, so that `dg check yaml` and the definitions load at once and every
edit can be tried.
"""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import Any

from dagster.components import Scaffolder, ScaffoldRequest
from pydantic import BaseModel, Field

from product360_assets.core.contract import SourceKind

_DELIVERS: dict[SourceKind, tuple[str, str]] = {
    "database": ("parquet", "# Where the table is: schema.table.\n      source_name: shop.item"),
    "saas": (
        "json",
        "# The object's name in the API, if it is not the table's.\n      source_name: item",
    ),
    "files": ("csv", "# Landing keys: $name/item/YYYY-MM-DD/<any name>.csv"),
    "stream": ("json", "# Landing keys: $name/item/YYYY/MM/DD/HH/<any name>.json.gz"),
}


class StarterParams(BaseModel):
    """Options of the command."""

    kind: SourceKind = Field("database", description="database, saas, files or stream")


class SourceSystemScaffolder(Scaffolder[StarterParams]):
    """Writes `defs.yaml` for a new source system."""

    @classmethod
    def get_scaffold_params(cls) -> type[StarterParams]:
        """The command's options."""
        return StarterParams

    def scaffold(self, request: ScaffoldRequest[Any]) -> None:
        """Write the file into the new folder, whose name becomes the system's."""
        params = request.params or StarterParams(kind="database")
        text = starter(request.target_path.name, params.kind, type_name=request.type_name)
        (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")


def starter(name: str, kind: SourceKind, *, type_name: str) -> str:
    """The text of a new system's file."""
    file_format, delivered = _DELIVERS[kind]
    template = files("product360_assets.components").joinpath("starter.yaml").read_text("utf-8")
    connection = (
        f"# Name of the secret that holds the connection; never the connection itself.\n"
        f"  connection: {name}_connection\n"
        if kind in ("database", "saas")
        else "# No connection: the owner puts objects into landing.\n"
    )
    return Template(template).substitute(
        type=type_name,
        name=name,
        kind=kind,
        format=file_format,
        connection=connection.rstrip(),
        delivered=Template(delivered).substitute(name=name),
    )
