"""What references in skimmed resources refer to, so that what is said by reference is part of a resource's pattern."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import msgspec
from msgspec import Struct

from fhirtrial.patients.elements import Reference, Resource
from fhirtrial.patients.found import UnusualError
from fhirtrial.patients.medication_resources import Medication, Substance
from fhirtrial.patients.references import References
from fhirtrial.patients.salvage import UNREADABLE
from fhirtrial.patients.skim import DECODERS, NOT_GIVEN, SHAPES, Shape, widened

_fields = msgspec.structs.astuple
_join = b"\0".join


class SkimmedReferences(References):
    """References among skimmed resources; what is found is handed out as the careful reader knows it."""

    def __init__(self, items: Iterator[tuple[str, Any]], shared: References | None) -> None:
        super().__init__(items, shared)
        self._widened: dict[int, Resource] = {}

    def find(self, reference: Reference | None, holder: Resource | None = None, url: str = "") -> Resource | None:
        found: Any = self.skimmed(reference, holder, url)
        if type(found) not in SHAPES:
            return found if isinstance(found, Resource) else None
        if id(found) not in self._widened:
            self._widened[id(found)] = widely(found)
        return self._widened[id(found)]

    def skimmed(self, reference: Reference | None, holder: Resource | None, url: str) -> Any:
        return super().find(reference, holder, url)


class Meanings:
    """What the references of one document mean; each spelling is resolved once."""

    def __init__(self, references: SkimmedReferences) -> None:
        self._references = references
        self._said: dict[bytes, bytes | None] = {}

    def said(self, shape: Shape, given: tuple[Any, ...], url: str) -> bytes | None:
        """What references say, with what they refer to; None where only the careful reader can tell."""
        key = _join((*given, url.rpartition("/")[0].encode() if url.startswith("http") else b""))
        if key not in self._said:
            self._said[key] = self._resolved(shape, given, url)
        return self._said[key]

    def _resolved(self, shape: Shape, given: tuple[Any, ...], url: str) -> bytes | None:
        parts: list[bytes] = [b""]
        for name, raw in zip(shape.names[shape.refs :], given, strict=True):
            if raw is NOT_GIVEN:
                parts.append(b"")
                continue
            try:
                value = DECODERS[shape.kind][name].decode(raw)
            except UNREADABLE:
                raise UnusualError from None
            for reference in list(_references_in(value)):
                target = self._target(reference, url)
                if target is None:
                    return None
                parts.append(target)
                reference.reference, reference.identifier = "", None
            parts.append(msgspec.json.encode(value))
        return _join(parts)

    def _target(self, reference: Reference, url: str) -> bytes | None:
        if not reference.reference and reference.identifier is None:
            return b"-"
        found = None if reference.reference.startswith("#") else self._references.skimmed(reference, None, url)
        kind: Any = type(found)
        if found is not None and kind in SHAPES:
            return _join((kind.__name__.encode(), *_fields(found)[SHAPES[kind].usual : SHAPES[kind].refs]))
        if isinstance(found, Medication | Substance) and not any(_references_in(found)):
            product = copy(found)
            product.id, product.meta = "", None
            return msgspec.json.encode(product)
        return None


def _references_in(value: Any) -> Iterator[Reference]:
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from _references_in(one)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from _references_in(getattr(value, name))


def widely(skimmed: Struct) -> Resource:
    """The resource as the careful reader knows it."""
    try:
        return widened(skimmed)
    except UNREADABLE:
        raise UnusualError from None
