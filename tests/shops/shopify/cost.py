"""What a query costs and the bucket that pays for it.

Objects cost 1, scalars nothing, mutations 10. A connection costs about 2 + 2·ln(first) times its node, as
measured on a development shop in 2025 and 2026: 3, 5, 6, 7, 9, 11, 13 for a first of 1, 5, 10, 20, 50, 100,
250 and a node of 1 point.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
    is_leaf_type,
)
from graphql.execution.values import VariableValues, get_argument_values

MOST = 1000  # points of one query


class Bucket:
    """Points that leak back with time. ``clock`` gives seconds and never goes back."""

    def __init__(
        self, maximum: float = 2000.0, restore: float = 100.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.maximum = maximum
        self.restore = restore
        self._clock = clock
        self._left = maximum
        self._at = clock()

    def available(self) -> float:
        """Points left now."""
        now = self._clock()
        self._left = min(self.maximum, self._left + (now - self._at) * self.restore)
        self._at = now
        return self._left

    def take(self, points: float) -> None:
        """Spends points; a negative number gives some back."""
        self._left = min(self.maximum, self.available() - points)

    def drain(self) -> None:
        """Leaves nothing, as another program with the same app would."""
        self._left = self.available() * 0

    def status(self) -> dict[str, float]:
        """``throttleStatus``."""
        return {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": math.floor(self.available()),
            "restoreRate": self.restore,
        }


class Costs:
    """Adds up one operation. ``counts``: how many nodes a connection of the root gave, by response key."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        counts: Mapping[str, int] | None = None,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._counts = counts

    def of(self, operation: OperationDefinitionNode) -> int:
        """The points of an operation."""
        if operation.operation is OperationType.MUTATION:
            return 10 * len(operation.selection_set.selections)
        root = self._schema.query_type
        assert root is not None
        return math.floor(self._selection(operation.selection_set, root, root=True))

    def _selection(
        self, selection: SelectionSetNode, kind: GraphQLCompositeType, *, root: bool = False
    ) -> float:
        cost, branches = 0.0, [0.0]
        for node in selection.selections:
            if isinstance(node, FieldNode):
                cost += self._field(node, kind, root=root)
            elif isinstance(node, FragmentSpreadNode):
                cost += self._selection(self._fragments[node.name.value].selection_set, kind)
            elif isinstance(node, InlineFragmentNode):
                inner = kind
                if node.type_condition:
                    named = self._schema.type_map[node.type_condition.name.value]
                    assert is_composite_type(named)
                    inner = named
                branches.append(self._selection(node.selection_set, inner))
        return cost + max(branches)  # the dearest branch of an interface or union

    def _field(self, node: FieldNode, kind: GraphQLCompositeType, *, root: bool) -> float:
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) or node.name.value.startswith("__"):
            return 0.0
        field = kind.fields[node.name.value]
        inner = get_named_type(field.type)
        if is_leaf_type(inner) or inner.name == "PageInfo":
            return 0.0
        assert is_composite_type(inner)
        assert node.selection_set is not None
        below = self._selection(node.selection_set, inner)
        if inner.name.endswith("Connection"):
            arguments = get_argument_values(field, node, self._variables)
            size = arguments.get("first") or arguments.get("last") or 1
            if root and self._counts is not None:
                size = self._counts.get(node.alias.value if node.alias else node.name.value, size)
            return math.floor(2 + max(1.0, 2 * math.log(max(size, 1))) * below) if size else 2.0
        if inner.name.endswith("Edge"):
            return below
        return 1.0 + below
