"""Asset keys: the one place that says what an asset is called.

A key is [zone, system, table] up to clean, and [zone, table] from curated on. Rooms that name an
asset of another room build the key here; a test proves that every such key exists.
"""

from __future__ import annotations

import dagster as dg


def source_key(system: str, table: str) -> dg.AssetKey:
    """The table where its owner keeps it, outside the platform."""
    return dg.AssetKey(["source", system, table])


def landing_key(system: str, table: str) -> dg.AssetKey:
    """What was delivered of the table; the delivering service may still change it."""
    return dg.AssetKey(["landing", system, table])


def raw_key(system: str, table: str) -> dg.AssetKey:
    """What was accepted of the table, byte for byte and for ever."""
    return dg.AssetKey(["raw", system, table])


def clean_key(system: str, table: str) -> dg.AssetKey:
    """The table's typed rows, by batch."""
    return dg.AssetKey(["clean", system, table])


def curated_key(table: str) -> dg.AssetKey:
    """A published table."""
    return dg.AssetKey(["curated", table])


def forecast_key(table: str) -> dg.AssetKey:
    """A forecast table."""
    return dg.AssetKey(["forecast", table])


def stream_key(table: str) -> dg.AssetKey:
    """A stream that takes rows into a published table, and how far it has come."""
    return dg.AssetKey(["stream", table])


def governance_key(name: str) -> dg.AssetKey:
    """A proof about what other rooms made."""
    return dg.AssetKey(["governance", name])


def catalog_key() -> dg.AssetKey:
    """What the catalog says of the files of raw, clean and quarantine."""
    return dg.AssetKey(["catalog", "entries"])


def maintenance_key(action: str) -> dg.AssetKey:
    """What upkeep of one kind did to the published tables."""
    return dg.AssetKey(["maintenance", action])


def published_key(identifier: str) -> dg.AssetKey:
    """The published table that catalogs know as `zone.table`."""
    return dg.AssetKey(identifier.split("."))
