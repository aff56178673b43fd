"""Follows columns through a Spark Connect plan: what each column of a relation was computed from.

A plan is a tree of protocol messages whose expressions name columns; names are resolved here as an
analyser would, relation by relation, by alias, by frame, or by name alone. The hazard is a name
that is not found: it is a lambda's variable, or a column of a relation that cannot be followed, and
stands for nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# A message of Spark Connect's protocol; pyspark publishes no types for them.
Node = Any

_WORDS_OF_SQL = re.compile(r"'(?:[^'\\]|\\.)*'|(`[^`]+`|[A-Za-z_]\w*)(\.(?:`[^`]+`|[A-Za-z_]\w*))*")
_NAMED_IN_SQL = re.compile(r"\bas\s+`?(\w+)`?\s*$", re.IGNORECASE)
# Relations whose columns are those of their input, in their order.
_PASS_ON = frozenset(
    {
        *("filter", "sort", "limit", "offset", "tail", "sample", "deduplicate", "hint"),
        *("repartition", "repartition_by_expression", "to_schema", "drop_na", "with_watermark"),
    }
)
_UNION = 2
_KEEPS_THE_LEFT = frozenset({5, 6})  # left anti, left semi


@dataclass(frozen=True)
class PlanColumn:
    """A column of a relation: its name, its origins, and how else it may be called.

    Attributes:
        name: None for an expression that was given no name.
        origins: (dataset, column) pairs.
        alias: of the frame that it belongs to.
        plans: ids of the relations that it came through.
    """

    name: str | None
    origins: frozenset[tuple[str, str]]
    alias: str | None = None
    plans: frozenset[int] = frozenset()


class Plan:
    """Resolves relations; `read` gives the columns of what a plan reads.

    `known` has those of relations, by their ids, of which the plan itself does not tell.
    """

    def __init__(
        self,
        read: Callable[[Node], list[PlanColumn]],
        known: Mapping[int, list[PlanColumn]] = MappingProxyType({}),
    ) -> None:
        self._read = read
        # A frame that is used twice is twice in the message, under one id.
        self._known = dict(known)

    def columns(self, relation: Node) -> list[PlanColumn]:
        """The columns of a relation in their order; none where it cannot be followed."""
        number = relation.common.plan_id
        if number not in self._known:
            kind = relation.WhichOneof("rel_type")
            found = self._columns(kind, getattr(relation, kind))
            self._known[number] = [replace(each, plans=each.plans | {number}) for each in found]
        return self._known[number]

    def _columns(self, kind: str, node: Node) -> list[PlanColumn]:
        if kind in _PASS_ON:
            return self.columns(node.input)
        if kind == "read":
            return self._read(node)
        resolve = getattr(self, f"_{kind}", None)
        columns: list[PlanColumn] = resolve(node) if resolve is not None else []
        return columns

    def _project(self, node: Node) -> list[PlanColumn]:
        known = self.columns(node.input) if node.HasField("input") else []
        return [column for each in node.expressions for column in computed(each, known)]

    def _aggregate(self, node: Node) -> list[PlanColumn]:
        known = self.columns(node.input)
        groups = [c for each in node.grouping_expressions for c in computed(each, known)]
        made = [c for each in node.aggregate_expressions for c in computed(each, known)]
        # What is computed from no column counts rows, and which rows the groups say.
        rows = _together(groups)
        return [*groups, *(replace(c, origins=c.origins or rows) for c in made)]

    def _with_columns(self, node: Node) -> list[PlanColumn]:
        known = self.columns(node.input)
        added = {
            each.name[0]: PlanColumn(each.name[0], origins(each, known)) for each in node.aliases
        }
        kept = [added.pop(column.name, column) if column.name else column for column in known]
        return [*kept, *added.values()]

    def _with_columns_renamed(self, node: Node) -> list[PlanColumn]:
        names = dict(node.rename_columns_map)
        return [
            replace(column, name=names.get(column.name or "", column.name))
            for column in self.columns(node.input)
        ]

    def _drop(self, node: Node) -> list[PlanColumn]:
        gone = set(node.column_names)
        gone |= {each.unresolved_attribute.unparsed_identifier for each in node.columns}
        return [column for column in self.columns(node.input) if column.name not in gone]

    def _subquery_alias(self, node: Node) -> list[PlanColumn]:
        return [replace(column, alias=node.alias) for column in self.columns(node.input)]

    def _to_df(self, node: Node) -> list[PlanColumn]:
        known = self.columns(node.input)
        return [replace(column, name=name) for column, name in zip(known, node.column_names)]

    def _join(self, node: Node) -> list[PlanColumn]:
        left = self.columns(node.left)
        if node.join_type in _KEEPS_THE_LEFT:
            return left
        right, shared = self.columns(node.right), list(node.using_columns)
        return [
            *(PlanColumn(name, named(name, [*left, *right])) for name in shared),
            *(column for column in (*left, *right) if column.name not in shared),
        ]

    def _map_partitions(self, node: Node) -> list[PlanColumn]:
        """A Python function over whole rows: each column may be made of all that it is given."""
        given = _together(self.columns(node.input))
        made = node.func.python_udf.output_type.struct.fields
        return [PlanColumn(field.name, given) for field in made]

    def _set_op(self, node: Node) -> list[PlanColumn]:
        left, right = self.columns(node.left_input), self.columns(node.right_input)
        if node.set_op_type != _UNION:
            return left
        if node.by_name:
            return [replace(c, origins=c.origins | named(c.name or "", right)) for c in left]
        return [replace(a, origins=a.origins | b.origins) for a, b in zip(left, right)]


def computed(expression: Node, known: Sequence[PlanColumn]) -> Iterator[PlanColumn]:
    """The columns that one expression of a select makes; a star makes many."""
    kind = expression.WhichOneof("expr_type")
    if kind == "unresolved_star":
        target = expression.unresolved_star.unparsed_target.removesuffix(".*")
        yield from (column for column in known if target in ("", column.alias))
    elif kind == "unresolved_attribute":
        found = resolved(expression.unresolved_attribute, known)
        name = _parts(expression.unresolved_attribute.unparsed_identifier)[-1]
        alias = found[0].alias if len(found) == 1 else None
        yield PlanColumn(name, _together(found), alias, _plans(found))
    elif kind == "alias":
        yield PlanColumn(expression.alias.name[0], origins(expression, known))
    elif kind == "expression_string":
        name_in_sql = _NAMED_IN_SQL.search(expression.expression_string.expression)
        yield PlanColumn(name_in_sql[1] if name_in_sql else None, origins(expression, known))
    else:
        yield PlanColumn(None, origins(expression, known))


def origins(message: Node, known: Sequence[PlanColumn]) -> frozenset[tuple[str, str]]:
    """Everything that an expression reads, through all of its parts."""
    kind = message.DESCRIPTOR.name
    if kind == "UnresolvedAttribute":
        return _together(resolved(message, known))
    if kind == "ExpressionString":
        words = (word[0] for word in _WORDS_OF_SQL.finditer(message.expression))
        return frozenset().union(*(named(word, known) for word in words))
    if kind == "Window":
        # What is computed, not over which rows; a rank is computed from nothing but their order.
        own = origins(message.window_function, known)
        return own or frozenset().union(*(origins(each, known) for each in message.order_spec))
    found: set[tuple[str, str]] = set()
    for description, value in message.ListFields():
        if description.message_type is not None:
            parts = [value] if hasattr(value, "DESCRIPTOR") else value
            found |= frozenset().union(*(origins(part, known) for part in parts))
    return frozenset(found)


def resolved(attribute: Node, known: Sequence[PlanColumn]) -> list[PlanColumn]:
    """The columns that an attribute may mean: one, or none, or several of one name."""
    found = _called(attribute.unparsed_identifier, known)
    if attribute.HasField("plan_id"):
        return [column for column in found if attribute.plan_id in column.plans] or found
    return found


def named(name: str, known: Sequence[PlanColumn]) -> frozenset[tuple[str, str]]:
    """The origins of the columns that a name may mean."""
    return _together(_called(name, known))


def _called(name: str, known: Sequence[PlanColumn]) -> list[PlanColumn]:
    first, *rest = _parts(name)
    if rest:
        found = [column for column in known if (column.alias, column.name) == (first, rest[0])]
        if found:
            return found
    # What follows a column's own name is a field of it.
    return [column for column in known if column.name == first]


def _parts(name: str) -> list[str]:
    return [part.strip("`") for part in re.findall(r"`[^`]+`|[^.]+", name)] or [name]


def _together(columns: Sequence[PlanColumn]) -> frozenset[tuple[str, str]]:
    return frozenset().union(*(column.origins for column in columns))


def _plans(columns: Sequence[PlanColumn]) -> frozenset[int]:
    return frozenset().union(*(column.plans for column in columns))
