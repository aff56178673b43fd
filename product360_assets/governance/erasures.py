"""The erasures asset: every request to forget somebody, how far it is, and whether they stay away.

A request is in force as soon as it is asked for. It is carried out when the batches that held the
subject are clean without them, and a search found nothing; a search that found something says so
until the request is asked for again.

The hazard is who comes back by a way that nobody thought of. Keys are nowhere written down, so the
keys that published tables hold now are hashed as the erased were, and looked for among them.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import dagster as dg

from product360_assets.clean.work import ERASED
from product360_assets.core.checks import advisory_check, claim
from product360_assets.core.contract import SourceContract
from product360_assets.core.erasures import Request, requests
from product360_assets.core.failures import explained_failures
from product360_assets.core.keys import governance_key, published_key
from product360_assets.core.metadata import preview
from product360_assets.core.states import CLEAN
from product360_assets.governance.known_erased import KnownErased
from product360_assets.governance.subjects import subject_columns
from resources.catalog import CatalogResource
from resources.ledger import Ledger, LedgerResource
from resources.objects import LakeResource, ObjectStore
from resources.secrets import SecretsResource
from resources.warehouse import WarehouseResource

GROUP = "governance"
ERASURES = "erasures"
EVERY_REQUEST_IS_CARRIED_OUT = "every_request_is_carried_out"
NOBODY_CAME_BACK = "nobody_erased_came_back"
BEGUN, FOUND_SOMETHING, CARRIED_OUT = "begun", "found something", "carried out"


@dataclass(frozen=True)
class Progress:
    """How far one request is.

    Attributes:
        waiting: batches that are still to be made clean without the subject.
        proofs: how often it was carried out and searched for.
    """

    request: str
    kind: str
    requested_at: str
    state: str
    waiting: int
    proofs: int


COLUMNS = ("request", "kind", "requested_at", "state", "waiting", "proofs")


def erasures_asset(contracts: Sequence[SourceContract]) -> dg.AssetsDefinition:
    """The requests about subjects of these systems."""
    key = governance_key(ERASURES)
    kinds = sorted({kind for one in contracts for table in one.tables for kind in table.subjects})

    @dg.asset(
        key=key,
        deps=sorted(
            {
                published_key(table.identifier)
                for kind in kinds
                for table, *_ in subject_columns(kind)
            }
        ),
        description=(
            "Every request to forget somebody, by a number that says nothing of them: since when "
            "it is in force, and whether it is carried out."
        ),
        group_name=GROUP,
        owners=["team:data-platform"],
        kinds={"python"},
        check_specs=[
            advisory_check(
                EVERY_REQUEST_IS_CARRIED_OUT,
                key,
                "The last search for everybody who was erased found nothing of them, and every "
                "batch that held them is clean without them.",
            ),
            advisory_check(
                NOBODY_CAME_BACK,
                key,
                "No key that published tables hold now is that of somebody who was erased.",
            ),
        ],
    )
    def erasures(
        lake: LakeResource,
        ledger: LedgerResource,
        catalog: CatalogResource,
        warehouse: WarehouseResource,
        secrets: SecretsResource,
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        clean = lake.zone("clean")
        with explained_failures():
            asked = requests(clean)
            listed = list(progress(asked, clean, ledger.open(), contracts))
            back = list(returned(asked, catalog, warehouse, secrets))
        late = [each.request for each in listed if each.state != CARRIED_OUT]
        return dg.MaterializeResult(
            metadata={
                "requests": len(listed),
                "carried out": len(listed) - len(late),
                "states": preview([asdict(each) for each in listed], columns=COLUMNS),
            },
            data_version=dg.DataVersion(_version(listed)),
            check_results=[
                claim(
                    EVERY_REQUEST_IS_CARRIED_OUT,
                    key,
                    holds=not late,
                    counted={"requests": len(listed), "to be asked for again": late},
                ),
                claim(
                    NOBODY_CAME_BACK,
                    key,
                    holds=not back,
                    counted={"requests": len(listed), "found again": back},
                ),
            ],
        )

    return erasures


def progress(
    asked: Iterable[Request],
    clean: ObjectStore,
    ledger: Ledger,
    contracts: Sequence[SourceContract],
) -> Iterator[Progress]:
    """How far each of the requests is, by the ledger and by its last proof."""
    obeyed = {
        state.batch_id: set(state.details.get(ERASED, "").split())
        for contract in contracts
        for table in contract.tables
        if table.subjects
        for state in ledger.zone_states(contract.name, table.name, CLEAN).values()
    }
    for each in asked:
        waiting = sum(each.id not in obeyed.get(batch, ()) for batch in each.batches)
        state = _state(each, clean, waiting)
        yield Progress(each.id, each.kind, each.requested_at, state, waiting, len(each.proofs))


def returned(
    asked: Sequence[Request],
    catalog: CatalogResource,
    warehouse: WarehouseResource,
    secrets: SecretsResource,
) -> Iterator[str]:
    """Requests whose subject a published table holds now, with the table's name."""
    known = KnownErased(asked, secrets)
    for kind in sorted({each.kind for each in asked}):
        recognise = known.recognise(kind)
        for table, column, _ in subject_columns(kind):
            if recognise is None or not catalog.load().table_exists(table.identifier):
                continue
            there = warehouse.query(
                f"SELECT DISTINCT CAST({column} AS VARCHAR) FROM {table.identifier} "
                f"WHERE {column} IS NOT NULL"
            )
            found = {request for (key,) in there.rows if (request := recognise(key))}
            yield from (f"{each} in {table.identifier}" for each in sorted(found))


def _state(request: Request, clean: ObjectStore, waiting: int) -> str:
    if not request.proofs or waiting:
        return BEGUN
    proof = json.loads(clean.read(request.proofs[-1]))
    return FOUND_SOMETHING if proof["found afterwards"] else CARRIED_OUT


def _version(listed: Iterable[Progress]) -> str:
    return hashlib.sha256("\n".join(map(str, listed)).encode()).hexdigest()[:16]
