"""One source system: from one YAML file, its ingestion, raw and clean assets and their checks."""

from __future__ import annotations

import warnings

import dagster as dg
from pydantic import BaseModel

from product360_assets.clean.ageing import quarantine_checks
from product360_assets.clean.assets import clean_asset
from product360_assets.clean.watch import delivery_checks
from product360_assets.components.starter import SourceSystemScaffolder
from product360_assets.core.contract import SourceContract
from product360_assets.ingestion.assets import landing_assets, source_specs
from product360_assets.ingestion.validation import validation_checks
from product360_assets.raw.assets import raw_asset
from product360_assets.raw.audit import raw_audit
from spark.bundle import code_version


@dg.scaffold_with(SourceSystemScaffolder)
class SourceSystem(dg.Component):
    """A system that delivers tables, described in YAML: what it is, what its columns mean.

    Makes an external asset, a landing asset, a raw asset and a clean asset for each table, and
    their checks. `docs/sources.md` describes every attribute.
    """

    def __init__(self, contract: SourceContract) -> None:
        self.contract = contract

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """The model of the YAML's `attributes`; mistakes are reported with file and line."""
        return SourceContract

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """What `dg list components` says of it."""
        return dg.ComponentTypeSpec(
            description="A source system: its tables through landing, raw and clean.",
            tags=["ingestion", "source"],
        )

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> SourceSystem:
        """Make the component of a validated YAML file."""
        del context
        return cls(SourceContract.model_validate(attributes))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The system's assets and checks."""
        del context
        contract, jobs_version = self.contract, code_version()
        with warnings.catch_warnings():
            # Backfill policies are beta in 1.13; one warning for each asset would hide all else.
            warnings.simplefilter("ignore", dg.BetaWarning)
            return dg.Definitions(
                assets=[
                    *source_specs(contract),
                    landing_assets(contract),
                    *(raw_asset(contract, table) for table in contract.tables),
                    *(
                        clean_asset(contract, table, jobs_version=jobs_version)
                        for table in contract.tables
                    ),
                ],
                asset_checks=[
                    raw_audit(contract),
                    delivery_checks(contract),
                    quarantine_checks(contract),
                    *([validation_checks(contract)] if contract.kind == "database" else []),
                ],
            )
