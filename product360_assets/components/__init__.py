"""Dagster components of the platform: what a YAML file of ours may name as its `type`."""

from product360_assets.components.source_system import SourceSystem

__all__ = ["SourceSystem"]
