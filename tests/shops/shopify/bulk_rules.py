"""Which queries ``bulkOperationRunQuery`` refuses, in Shopify's own words (recorded in 2026)."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    parse,
    validate,
)

from tests.shops.shopify.execution import schema

_EDGES = (
    "All connection fields in a bulk query must select their contents using 'edges' > 'node', e.g: "
    "'{first} {{ edges {{ node {{'. Selecting via 'nodes' is not supported. "
    "Invalid connection fields: '{names}'."
)
_ID = (
    "The parent 'node' field for a nested connection must select the 'id' field without an alias and must be "
    "of 'ID' return type. Connection fields without 'id': {names}."
)


@dataclass
class _Seen:
    """What a walk through the query found."""

    connections: int = 0
    depth: int = 0
    by_nodes: list[str] = field(default_factory=list)
    without_id: list[str] = field(default_factory=list)
    in_list: bool = False
    not_nodes: list[str] = field(default_factory=list)


def refusals(query: str) -> list[str]:
    """The messages; empty for a query that may run."""
    try:
        document = parse(query)
    except GraphQLError as error:
        return [f"Invalid bulk query: {error.message}"]
    operation = document.definitions[0]
    if not isinstance(operation, OperationDefinitionNode):
        return ["Invalid bulk query: the operation must come first"]
    if operation.operation is not OperationType.QUERY:
        return ["Invalid operation type. Only `query` operations are supported."]
    problems = validate(schema(), document)
    if problems or operation.variable_definitions:
        said = "; ".join(problem.message for problem in problems) or "variables cannot be given a value"
        return [f"Invalid bulk query: {said}"]
    return _judged(operation, document)


def _judged(operation: OperationDefinitionNode, document: DocumentNode) -> list[str]:
    seen = _Seen()
    fragments = {x.name.value: x for x in document.definitions if isinstance(x, FragmentDefinitionNode)}
    root = schema().query_type
    assert root is not None
    _Walk(seen, fragments).selection(operation.selection_set, root, above=(), depth=0, in_list=False)
    names = [one.name.value for one in operation.selection_set.selections if isinstance(one, FieldNode)]
    found = []
    if "node" in names:
        found.append("Bulk queries cannot contain a top level `node` field.")
    if not seen.connections:
        found.append("Bulk queries must contain at least one connection.")
    if seen.by_nodes:
        found.append(_EDGES.format(first=seen.by_nodes[0], names=", ".join(seen.by_nodes)))
    if seen.depth > 2:
        found.append("Bulk queries cannot contain connections with a nesting depth greater than 2.")
    if seen.connections > 5:
        found.append("Bulk queries cannot contain more than 5 connections.")
    if seen.without_id:
        found.append(_ID.format(names=", ".join(seen.without_id)))
    if seen.in_list:
        found.append(
            "Queries that contain a connection field within a list field are not currently supported."
        )
    if seen.not_nodes:  # refused according to the documentation; the words are ours
        found.append(f"Connections must return types that implement Node: {', '.join(seen.not_nodes)}.")
    return found


@dataclass
class _Walk:
    seen: _Seen
    fragments: dict[str, FragmentDefinitionNode]

    def selection(
        self,
        selection: SelectionSetNode,
        kind: GraphQLCompositeType,
        *,
        above: tuple[FieldNode, ...],
        depth: int,
        in_list: bool,
    ) -> None:
        """``above`` are the connections around this place."""
        for node in selection.selections:
            if isinstance(node, FragmentSpreadNode):
                inner = self.fragments[node.name.value].selection_set
                self.selection(inner, kind, above=above, depth=depth, in_list=in_list)
            elif isinstance(node, InlineFragmentNode):
                named = kind
                if node.type_condition:
                    found = schema().type_map[node.type_condition.name.value]
                    assert is_composite_type(found)
                    named = found
                self.selection(node.selection_set, named, above=above, depth=depth, in_list=in_list)
            elif isinstance(node, FieldNode) and node.selection_set:
                self._field(node, kind, above, depth, in_list)

    def _field(
        self,
        node: FieldNode,
        kind: GraphQLCompositeType,
        above: tuple[FieldNode, ...],
        depth: int,
        in_list: bool,
    ) -> None:
        assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        assert node.selection_set is not None
        field_type = kind.fields[node.name.value].type
        inner = get_named_type(field_type)
        assert is_composite_type(inner)
        if not inner.name.endswith("Connection"):
            edges = inner.name.endswith("Edge")
            deeper = in_list or (isinstance(get_nullable_type(field_type), GraphQLList) and not edges)
            self.selection(node.selection_set, inner, above=above, depth=depth, in_list=deeper)
            return
        seen = self.seen
        seen.connections += 1
        seen.depth = max(seen.depth, depth + 1)
        seen.in_list = seen.in_list or in_list
        names = _names(node.selection_set)
        if "nodes" in names:
            seen.by_nodes.append(node.name.value)
        assert isinstance(inner, GraphQLObjectType)
        row = get_named_type(inner.fields["nodes"].type)
        if not isinstance(row, GraphQLObjectType) or "Node" not in {one.name for one in row.interfaces}:
            seen.not_nodes.append(node.name.value)
        if above and not self._selects_id(above[-1]):
            seen.without_id.append(above[-1].name.value)
        self.selection(node.selection_set, inner, above=(*above, node), depth=depth + 1, in_list=in_list)

    def _selects_id(self, connection: FieldNode) -> bool:
        assert connection.selection_set is not None
        for edges in connection.selection_set.selections:
            if isinstance(edges, FieldNode) and edges.selection_set and edges.name.value == "edges":
                for node in edges.selection_set.selections:
                    if isinstance(node, FieldNode) and node.selection_set and node.name.value == "node":
                        return "id" in _names(node.selection_set)
        return False


def _names(selection: SelectionSetNode) -> set[str]:
    """Fields selected here without an alias."""
    return {one.name.value for one in selection.selections if isinstance(one, FieldNode) and not one.alias}
