"""The catalog of published tables: one name, one Iceberg table, whoever writes or reads it.

Locally it is PyIceberg's SQL catalog on one SQLite file, which several processes share. That works
because the file is in WAL mode: in rollback-journal mode writers lock each other out for good. On
AWS it is Glue. Tables are created and evolved here and nowhere else; engines only commit to them.
"""

from __future__ import annotations

import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import PrivateAttr

from resources.errors import ServiceUnavailable, SettingInvalid, TableMissing
from resources.evolution import evolve
from resources.objects import PUBLISHED
from resources.tables import (
    TableDefinition,
    iceberg_partition,
    iceberg_properties,
    iceberg_schema,
)
from resources.views import ViewDefinition

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table
    from pyiceberg.typedef import Identifier

# Asked for by `spark.wap.branch`: without it, Iceberg commits to the table itself.
TAKES_BRANCHES = "write.wap.enabled"
# The catalog's name in every engine. In the SQLite file it is part of every key.
CATALOG_NAME = "lake"
LOCK_WAIT_SECONDS = 30


class CatalogResource(dg.ConfigurableResource[Any], ABC):
    """Tables by identifier such as `curated.product`; its first part is the zone."""

    _catalog: Any = PrivateAttr(default=None)

    @abstractmethod
    def location(self, zone: str, table: str) -> str:
        """URI of the folder that holds the table's data and metadata."""

    def _create(self, definition: TableDefinition) -> None:
        """Create the table and its namespace, unless another process is faster."""
        from pyiceberg.exceptions import NamespaceAlreadyExistsError, TableAlreadyExistsError
        from sqlalchemy.exc import IntegrityError

        catalog = self.load()
        namespace = definition.identifier.rsplit(".", 1)[0]
        if not catalog.namespace_exists(namespace):
            with suppress(NamespaceAlreadyExistsError, IntegrityError):
                catalog.create_namespace(namespace)
        schema = iceberg_schema(definition)
        with suppress(TableAlreadyExistsError):
            catalog.create_table(
                definition.identifier,
                schema=schema,
                location=self.location(definition.zone, definition.name),
                partition_spec=iceberg_partition(definition, schema),
                properties={"format-version": "2", **iceberg_properties(definition)},
            )

    @abstractmethod
    def publish_view(self, definition: ViewDefinition) -> bool:
        """Keep the view in place of an earlier one of its name; whether anything changed."""

    @abstractmethod
    def views(self) -> Mapping[str, str]:
        """The query of every view, by identifier."""

    @abstractmethod
    def take_branches(self, identifier: str) -> None:
        """Have the table take commits on a branch from engines that write to it by themselves.

        Raises:
            TableMissing: the catalog has no such table.
        """

    @abstractmethod
    def _open(self) -> Catalog:
        """Connect to the catalog."""

    def load(self) -> Catalog:
        """Return the catalog, opened at the first call."""
        if self._catalog is None:
            self._catalog = self._open()
        catalog: Catalog = self._catalog
        return catalog

    def identifiers(self) -> list[str]:
        """Every published table, as `zone.table`, in order."""
        tables = (self.load().list_tables(namespace) for namespace in self._namespaces())
        return sorted(".".join(identifier) for found in tables for identifier in found)

    def _namespaces(self) -> Iterable[str | Identifier]:
        """The namespaces that published tables are in, of those that are there."""
        return self.load().list_namespaces()

    def table(self, identifier: str) -> Table:
        """Load one table.

        Raises:
            TableMissing: the catalog has no such table.
        """
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        try:
            return self.load().load_table(identifier)
        except (NoSuchTableError, NoSuchNamespaceError) as error:
            raise TableMissing(
                f"table {identifier}",
                found="no such table in the catalog",
                expected="a table that has been published",
                next_move="materialize the asset that publishes it, or correct the name",
            ) from error

    def ensure_table(self, definition: TableDefinition) -> None:
        """Create the table, or bring an older one up to its definition; does nothing when it is.

        Columns are added (as nullable ones), widened and re-described; a new version drops some.

        Raises:
            ContractInvalid: a column's type changed in a way that Iceberg cannot follow.
        """
        from pyiceberg.exceptions import CommitFailedException

        catalog = self.load()
        if not catalog.table_exists(definition.identifier):
            self._create(definition)
        try:
            evolve(catalog.load_table(definition.identifier), definition)
        except CommitFailedException:
            # Another process committed first, most likely the same change: look again.
            evolve(catalog.load_table(definition.identifier), definition)

    def snapshot_summaries(self, identifier: str, at: int | None = None) -> list[Mapping[str, str]]:
        """Summaries of the snapshots that led to the current state, or to `at`, newest first.

        Beside the summary's own keys each has `snapshot-id` and `timestamp-ms`. A snapshot that was
        rolled back is no longer part of the table and is not among them.

        Raises:
            TableMissing: the catalog has no such table.
        """
        from pyiceberg.table.snapshots import ancestors_of

        metadata = self.table(identifier).metadata
        state = metadata.current_snapshot() if at is None else metadata.snapshot_by_id(at)
        return [
            {
                **(snapshot.summary.ser_model() if snapshot.summary else {}),
                "snapshot-id": str(snapshot.snapshot_id),
                "timestamp-ms": str(snapshot.timestamp_ms),
            }
            for snapshot in ancestors_of(state, metadata)
        ]

    def row_count(self, identifier: str) -> int:
        """Rows in the table now, read from file statistics.

        Raises:
            TableMissing: the catalog has no such table.
        """
        return self.table(identifier).scan().count()

    def digest(self, identifier: str) -> str:
        """Digest of the table's rows, without its lineage columns (those starting with `_`).

        Equal for equal rows, whichever engine wrote them; see `resources.digests`.

        Raises:
            TableMissing: the catalog has no such table.
        """
        from resources.digests import content_digest

        table = self.table(identifier)
        columns = [name for name in table.schema().column_names if not name.startswith("_")]
        return content_digest(table.scan(selected_fields=tuple(columns)).to_arrow_batch_reader())


class LocalCatalogResource(CatalogResource):
    """The catalog of one home: `<home>/catalog.db`, tables below `<home>/lake/<zone>`."""

    home: str

    def location(self, zone: str, table: str) -> str:
        """See `CatalogResource.location`."""
        return f"file://{self._checked_home()}/lake/{zone}/{table}"

    def publish_view(self, definition: ViewDefinition) -> bool:
        """See `CatalogResource.publish_view`."""
        from resources.local.views import publish_view

        return publish_view(self._file(), definition)

    def views(self) -> Mapping[str, str]:
        """See `CatalogResource.views`."""
        from resources.local.views import published_views

        return published_views(self._file())

    def take_branches(self, identifier: str) -> None:
        """See `CatalogResource.take_branches`: here the bridge stands in between, and does it."""

    def _file(self) -> Path:
        return self._checked_home() / "catalog.db"

    def _checked_home(self) -> Path:
        """The home, if every engine understands its name.

        Sail writes a table at "/a b" into a new folder "/a%20b"; PyIceberg looks for it in "/a b".
        """
        home = Path(self.home).absolute()
        strange = sorted(set(re.sub(r"[A-Za-z0-9/._@=+,-]", "", str(home))))
        if strange:
            raise SettingInvalid(
                f"home {home}",
                found=f"the character(s) {' '.join(map(repr, strange))} in its path",
                expected="ASCII letters, digits and any of . _ @ = + , -",
                next_move="set PRODUCT360_HOME to a folder with such a path",
            )
        return home

    def _open(self) -> Catalog:
        from sqlalchemy.engine import URL
        from sqlalchemy.exc import OperationalError

        from resources.local.sql_catalog import LocalSqlCatalog

        database = self._file()
        database.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(database, timeout=LOCK_WAIT_SECONDS)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        uri = URL.create(
            "sqlite", database=str(database), query={"timeout": str(LOCK_WAIT_SECONDS)}
        ).render_as_string()
        try:
            return LocalSqlCatalog(CATALOG_NAME, uri=uri)
        except OperationalError:
            # Another process created the catalog's tables between our look and our own creation.
            return LocalSqlCatalog(CATALOG_NAME, uri=uri)


class GlueCatalogResource(CatalogResource):
    """The Glue Data Catalog of the account and region that the AWS SDK's settings name."""

    lake_prefix: str

    def location(self, zone: str, table: str) -> str:
        """See `CatalogResource.location`."""
        return f"s3://{self.lake_prefix}-{zone}/{table}"

    def publish_view(self, definition: ViewDefinition) -> bool:
        """See `CatalogResource.publish_view`; Athena's views have no adapter yet.

        Raises:
            ServiceUnavailable: always.
        """
        raise ServiceUnavailable(
            f"view {definition.identifier}",
            found="no adapter for Athena's views in this environment",
            expected="the adapter that queries a workgroup",
            next_move="run with PRODUCT360_ENV=local, where it works today",
        )

    def views(self) -> Mapping[str, str]:
        """None: see `publish_view`."""
        return {}

    def _namespaces(self) -> Iterable[str | Identifier]:
        """The account has databases of others too: neither read nor kept by us, nor listed."""
        return [zone for zone in sorted(PUBLISHED) if self.load().namespace_exists(zone)]

    def take_branches(self, identifier: str) -> None:
        """See `CatalogResource.take_branches`; at the first time it is a commit of its own."""
        table = self.table(identifier)
        if table.properties.get(TAKES_BRANCHES) != "true":
            with table.transaction() as transaction:
                transaction.set_properties({TAKES_BRANCHES: "true"})

    def _open(self) -> Catalog:
        from pyiceberg.catalog.glue import GlueCatalog

        from resources.aws import client
        from resources.glue_calls import fitted

        # What reads and writes its files is another library than the SDK, and asks nobody else.
        s3 = client("s3").meta
        places = {"s3.endpoint": s3.endpoint_url, "s3.region": s3.region_name}
        return GlueCatalog(CATALOG_NAME, client=fitted(client("glue")), **places)
