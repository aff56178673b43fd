"""The name under which the ledger keeps what a source's stream of changes came to.

Changes of all tables of a source come in one stream. An execution is recorded once for the stream,
whether or not a table changed, and says in a detail which tables it would have told of: so silence
about one of these is an answer.
"""

from __future__ import annotations

from typing import Final

# No table is called so.
STREAM: Final = "*"
# The detail that lists the tables, with commas between them.
TABLES: Final = "tables"
