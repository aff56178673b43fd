"""`product360 stream`: put events into a stream as a producer does, and see what it holds.

Of the chosen environment: the local stand-in, which makes a stream with its first record, or Amazon
Kinesis. What is put is read like any event, so nothing that is put by mistake can be taken back.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, cast

import typer

from product360_assets.cli.output import Format, FormatOption, answer, explained, write

if TYPE_CHECKING:
    from resources.event_streams import EventStream, EventStreamsResource

stream = typer.Typer(
    name="stream",
    help="Put events into a stream that is read directly, and see its shards.",
    no_args_is_help=True,
)

StreamArgument = Annotated[str, typer.Argument(metavar="STREAM", help="The stream's name.")]


@stream.command()
def put(
    name: StreamArgument,
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="One event a line; - for stdin.")],
    key: Annotated[
        str | None, typer.Option(help="The field by which events go to shards, if they are JSON.")
    ] = None,
) -> None:
    """Put each line of a file into the stream, as one record."""
    with explained():
        opened, count = _open(name), 0
        for line in file:
            # An empty line is no event.
            if event := line.rstrip(b"\r\n"):
                opened.put(_key(event, key), event)
                count += 1
        write(f"{count} records put into {name}")


@stream.command()
def shards(name: StreamArgument, format: FormatOption = Format.table) -> None:
    """The stream's shards, closed ones too while their records are kept."""
    with explained():
        rows = [(shard.shard_id, " ".join(shard.parents)) for shard in _open(name).shards()]
        answer(format, ("shard", "parents"), rows)


def _open(name: str) -> EventStream:
    from resources.environments import platform_resources

    return cast("EventStreamsResource", platform_resources()["event_streams"]).open(name)


def _key(event: bytes, field: str | None) -> str:
    """What decides on the event's shard: its field, else the event itself."""
    found: object = None
    if field is not None:
        with suppress(ValueError):
            said = json.loads(event)
            found = said.get(field) if isinstance(said, dict) else None
    # Kinesis takes 256 characters at most, and no empty key.
    return str(found or event.decode("utf-8", "replace"))[:256]
