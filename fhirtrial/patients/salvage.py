"""A document in which something has the wrong type, taken apart: what can be read is kept, the rest is named.

Only a resource's own type error costs the resource; an entry or Bundle keeps every field that can be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from fhirtrial.errors import Problem
from fhirtrial.patients.completeness import FAMILIES
from fhirtrial.patients.elements import Reference, Resource
from fhirtrial.patients.facts import Family
from fhirtrial.patients.resources import READ, SKIPPED, AnyResource, Bundle, Entry

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_AT = re.compile(r"(.*) - at `(?:key in )?\$\.?(.*)`", re.DOTALL)
TYPES = frozenset(kind.__name__ for kind in (*READ, *SKIPPED))


class Loss(NamedTuple):
    """A resource that could not be used: its family (None: it could be any) and whose it was, where that is told."""

    family: Family | None
    subject: Reference | None = None
    url: str = ""


@dataclass
class Salvage:
    """What could not be read of one document; `partial` when that may have said that there is more."""

    where: str
    problems: list[Problem] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    partial: bool = False

    def resource(self, raw: Raw, path: str, url: str = "") -> Resource | None:
        """The resource, or what is left of a Bundle; None for a resource that cannot be used."""
        try:
            found: Resource = _decode(raw, AnyResource)
        except UNREADABLE as error:
            parts = _parts(raw)
            kind = _word(parts, "resourceType")
            if kind == "Bundle" and not isinstance(error, RecursionError):
                return self._bundle(parts, path)
            self._report(error, path, f"{kind}/{_word(parts, 'id')}" if kind in TYPES else "")
            subject = next((parts[name] for name in ("subject", "patient", "individual") if name in parts), None)
            if kind not in TYPES or kind in FAMILIES:
                self.losses.append(Loss(FAMILIES.get(kind), lenient(subject, Reference), url))
            return None
        return found

    def _bundle(self, parts: dict[str, Raw], path: str) -> Bundle:
        bundle = Bundle(**self._fields(Bundle, parts, path, apart="entry"))
        raws = lenient(parts.get("entry"), list[Raw])
        if raws is None:
            self.losses.append(Loss(None))
            self._report(msgspec.ValidationError("Expected `array`"), _join(path, "entry"))
        bundle.entry = tuple(self._entry(raw, _join(path, f"entry[{i}]")) for i, raw in enumerate(raws or ()))
        return bundle

    def _entry(self, raw: Raw, path: str) -> Entry:
        try:
            whole: Entry = _decode(raw, Entry)
        except UNREADABLE as error:
            parts = _parts(raw)
            if not parts:
                self.losses.append(Loss(None))
                self._report(error, path)
                return Entry()
        else:
            return whole
        entry = Entry(**self._fields(Entry, parts, path, apart="resource"))
        if "resource" in parts:
            entry.resource = self.resource(parts["resource"], _join(path, "resource"), entry.full_url)
        return entry

    def _fields(self, kind: type[Struct], parts: dict[str, Raw], path: str, apart: str) -> dict[str, Any]:
        """Every field of `kind` that can be read, but for the one that is taken apart itself."""
        found: dict[str, Any] = {}
        for one in msgspec.structs.fields(kind):
            if one.encode_name in parts and one.encode_name != apart:
                try:
                    found[one.name] = _decode(parts[one.encode_name], one.type)
                except UNREADABLE as error:
                    self.partial = True
                    self._report(error, _join(path, one.encode_name))
        return found

    def _report(self, error: Exception, path: str, label: str = "") -> None:
        got, inner = explain(error)
        where = f"{self.where}: {label}" if label else self.where
        todo = "correct it; the resource is left out" if label else "correct it"
        self.problems.append(Problem(where, _join(path, inner), got, todo))


def explain(error: Exception) -> tuple[str, str]:
    """What a decoding error found, in words that repeat no content, and where."""
    if isinstance(error, UnicodeDecodeError):
        return "bytes that are not UTF-8", ""
    if isinstance(error, RecursionError):
        return "JSON nested too deeply", ""
    found = _AT.fullmatch(str(error))
    said, path = (found[1], found[2]) if found else (str(error), "")
    if said.startswith("Invalid value"):
        return "a resourceType FHIR does not have", path
    return said.replace("Expected", "expected", 1), path


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _decode(raw: Raw | bytes, kind: Any) -> Any:
    return msgspec.json.decode(raw, type=kind)


def lenient(raw: Raw | bytes | None, kind: Any) -> Any:
    """The value, or None for one that cannot be read; for what only helps to name a loss."""
    try:
        return None if raw is None else _decode(raw, kind)
    except UNREADABLE:
        return None


def _parts(raw: Raw) -> dict[str, Raw]:
    return lenient(raw, dict[str, Raw]) or {}


def _word(parts: dict[str, Raw], name: str) -> str:
    word = lenient(parts.get(name), str)
    return word if word is not None else ""
