"""The tree's one JSON form, both ways, and its hash: these bytes are published, and what runs is read from them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.tree import Node
from fhirtrial.errors import TreeError

SCHEMA_VERSION = "1"

_node: TypeAdapter[Node] = TypeAdapter(Node)
_criteria: TypeAdapter[tuple[Criterion, ...]] = TypeAdapter(tuple[Criterion, ...])


def node_from_json(data: object, where: str) -> Node:
    """A node from parsed JSON; TreeError names the path of the first thing that is wrong."""
    try:
        return _node.validate_python(data)
    except ValidationError as error:
        raise _tree_error(error, where) from error


def node_to_json(node: Node) -> dict[str, Any]:
    dumped: dict[str, Any] = _node.dump_python(node, mode="json")
    return dumped


def criteria_from_bytes(content: bytes, where: str) -> tuple[Criterion, ...]:
    """The criteria that `criteria_to_bytes` wrote."""
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise TreeError(where, f"no JSON ({error})", "publish the criteria again") from error
    version = data.get("schemaVersion") if isinstance(data, dict) else None
    if version != SCHEMA_VERSION:
        raise TreeError(where, f"criteria of schema version {version!r}", f"write schema version {SCHEMA_VERSION!r}")
    try:
        return _criteria.validate_python(data.get("criteria"))
    except ValidationError as error:
        raise _tree_error(error, where) from error


def criteria_to_bytes(criteria: Sequence[Criterion]) -> bytes:
    """Canonical bytes: keys sorted, defaults left out, numbers as floats."""
    dumped = _criteria.dump_python(tuple(criteria), mode="json")
    return orjson.dumps({"schemaVersion": SCHEMA_VERSION, "criteria": dumped}, option=orjson.OPT_SORT_KEYS)


def criteria_hash(criteria: Sequence[Criterion]) -> str:
    return hashlib.sha256(criteria_to_bytes(criteria)).hexdigest()


def criteria_schema() -> dict[str, Any]:
    """The published JSON Schema of a criteria document's list."""
    return _criteria.json_schema()


def _tree_error(error: ValidationError, where: str) -> TreeError:
    first = error.errors(include_url=False)[0]
    path = ".".join(str(p) for p in first["loc"])
    return TreeError(
        f"{where} at {path}" if path else where, first["msg"], "correct the tree (fhirtrial schema criteria)"
    )
