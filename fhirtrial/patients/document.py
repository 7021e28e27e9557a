"""FHIR JSON → its resources, and what could not be read; a bad resource costs itself, never its neighbours.

The whole is decoded in one typed pass; only when that fails is it taken apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import numpy as np
from msgspec import Raw

from fhirtrial.errors import PatientError, Problem
from fhirtrial.patients.completeness import BUNDLE_TYPES, answers, asked, is_partial, is_redacted
from fhirtrial.patients.elements import Resource
from fhirtrial.patients.facts import Family
from fhirtrial.patients.references import References
from fhirtrial.patients.resources import SKIPPED, AnyResource, Bundle, Entry, OperationOutcome
from fhirtrial.patients.salvage import UNREADABLE, Loss, Salvage, explain
from fhirtrial.patients.source import Item

_RESOURCE = msgspec.json.Decoder(AnyResource)
_RESOURCES = msgspec.json.Decoder(tuple[AnyResource, ...])
_WITHOUT_FACTS = frozenset(kind for kind in SKIPPED if kind.__name__ != "SubscriptionStatus")
_RAWS = msgspec.json.Decoder(tuple[Raw, ...])


@dataclass(frozen=True)
class Limits:
    """`size` bounds one JSON document in bytes; `depth` its nesting, where that is to be less than Python's own bound.

    Measuring the depth costs about as much as decoding: None leaves it to the decoder, which stops near 1,000.
    """

    size: int = 256 * 2**20
    depth: int | None = None


@dataclass
class Document:
    """What belongs together: one Bundle, or the resources of one patient out of many lines.

    `asked` are families that a search was about, found or not; `shared` are resources that belong to nobody.
    """

    name: str
    items: list[Item] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    asked: set[Family] = field(default_factory=set)
    partial: bool = False
    redacted: bool = False
    doubtful: bool = False
    as_of: str = ""
    shared: References | None = None

    def add(self, data: bytes, where: str, limits: Limits) -> None:
        """Adds a Bundle, a resource or a list of resources; PatientError where `data` is no JSON of this kind."""
        data = data.removeprefix(b"\xef\xbb\xbf").strip()
        if len(data) > limits.size:
            raise too_large(where, limits)
        if limits.depth is not None and _depth(data) > limits.depth:
            raise _unreadable(where, RecursionError())
        many = data.startswith(b"[")
        resources: tuple[Resource | None, ...]
        try:
            resources = _RESOURCES.decode(data) if many else (_RESOURCE.decode(data),)
        except (msgspec.ValidationError, UnicodeDecodeError):
            resources = self._salvage(data, where, many)
        except (msgspec.DecodeError, RecursionError) as error:
            raise _unreadable(where, error) from None
        for i, resource in enumerate(resources):
            if resource is not None:
                self._add(Entry(resource=resource), where, f"[{i}]" if many else "", included=False)

    def _salvage(self, data: bytes, where: str, many: bool) -> tuple[Resource | None, ...]:
        try:
            raws = _RAWS.decode(data) if many else (msgspec.json.decode(data, type=Raw),)
        except UNREADABLE as error:
            raise _unreadable(where, error) from None
        salvage = Salvage(where)
        found = tuple(salvage.resource(raw, f"[{i}]" if many else "") for i, raw in enumerate(raws))
        self.problems += salvage.problems
        self.losses += salvage.losses
        self.partial |= salvage.partial
        return found

    def _add(self, entry: Entry, where: str, path: str, *, included: bool) -> None:
        resource = entry.resource
        if isinstance(resource, Bundle):
            self._add_bundle(resource, where, f"{path}." if path else "")
        elif type(resource) is OperationOutcome or type(resource).__name__ == "SubscriptionStatus":
            self.partial = True
        elif isinstance(resource, Resource):
            self.items.append(Item(resource, entry.full_url, where, path, included))

    def _add_bundle(self, bundle: Bundle, where: str, prefix: str) -> None:
        self.head(bundle, where, prefix)
        seen: set[str] = set()
        for i, entry in enumerate(bundle.entry):
            if entry.request is not None and entry.request.method == "DELETE":
                name = "/".join(entry.request.url.split("?")[0].split("/")[-2:])
                if bundle.type != "history" or name not in seen:  # a history lists the newest first
                    self.deleted.add(name)
            elif entry.resource is not None and type(entry.resource) not in _WITHOUT_FACTS:
                if bundle.type == "history":
                    seen.add(f"{type(entry.resource).__name__}/{getattr(entry.resource, 'id', '')}")
                included = entry.search is not None and entry.search.mode == "include"
                included = included and not answers(bundle, type(entry.resource).__name__)
                self._add(entry, where, f"{prefix}entry[{i}].resource", included=included)

    def head(self, bundle: Bundle, where: str, prefix: str) -> None:
        """What a Bundle says of itself, apart from what it holds."""
        if bundle.type not in BUNDLE_TYPES:
            got = "a Bundle.type FHIR does not have" if bundle.type else "a Bundle without a type"
            self.problems.append(Problem(where, prefix + "type", got, "correct it; the Bundle counts as partial"))
            self.partial = True
        self.partial |= is_partial(bundle)
        self.redacted |= is_redacted(bundle)
        self.doubtful |= bool(bundle.implicit_rules or bundle.modifier_extension)
        self.asked |= asked(bundle)
        self.as_of = self.as_of or bundle.timestamp or (bundle.meta.last_updated if bundle.meta is not None else "")


def too_large(where: str, limits: Limits) -> PatientError:
    got = f"more than the limit of {limits.size:,} bytes for one document"
    return PatientError(where, got, "split it into one Bundle per patient, or NDJSON; or raise the limit")


def _unreadable(where: str, error: Exception) -> PatientError:
    got, path = explain(error)
    todo = "send a FHIR R4 or R5 Bundle, resource or list of them"
    return PatientError(where, f"{got} at {path}" if path else got, todo)


def _depth(data: bytes) -> int:
    """How deeply the JSON is nested, brackets inside strings not counted."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    signs = np.frombuffer(data, np.uint8)
    quoted = np.bitwise_xor.accumulate(signs == ord('"'))
    kinds = signs & 0xDF  # brackets and braces fall together
    brackets = kinds[((kinds == ord("[")) | (kinds == ord("]"))) & ~quoted]
    steps = np.where(brackets == ord("["), 1, -1)
    return int(np.cumsum(steps).max(initial=0))
