"""Entries of a transaction Bundle, each with the identity it writes to; only what may be sent twice is let in."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

TYPE_AND_ID = re.compile(r"([A-Z][A-Za-z]*)/([A-Za-z0-9\-.]{1,64})")
TYPE = re.compile(r"[A-Z][A-Za-z]*")
# http://hl7.org/fhir/R4/bundle.html#references: fullUrl of what has no address yet
PLACEHOLDER = re.compile(r"urn:(?:uuid|oid):[A-Za-z0-9.\-]+")
DEEPEST = 100


class Strings(NamedTuple):
    """What an entry says that may name another entry."""

    placeholders: frozenset[str]
    references: frozenset[str]
    depth: int


@dataclass(frozen=True, slots=True)
class Entry:
    """`identity` is `Type/id` or `Type?criteria`. `aliases` are fullUrls of entries that were merged into this one."""

    identity: str
    full_url: str | None
    body: Mapping[str, Any]
    strings: Strings
    aliases: tuple[str, ...] = ()

    @property
    def resource_type(self) -> str:
        return re.split(r"[/?]", self.identity, maxsplit=1)[0]

    @property
    def conditional(self) -> bool:
        return "?" in self.identity

    @property
    def creates_only(self) -> bool:
        return bool(self.body["request"]["method"] == "POST")

    @property
    def version_read(self) -> str | None:
        found = self.body["request"].get("ifMatch")
        return found if isinstance(found, str) else None


class Refusal(NamedTuple):
    """An entry that is never sent, and why. `body` is None where it is nested too deep to be written down again."""

    identity: str
    body: Any
    code: str
    reason: str


def read_bundle(bundle: Any) -> tuple[list[Entry], list[Refusal]]:
    """Entries ready to be cut, each identity once; what cannot be sent safely comes back beside them."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        return [], [refuse("Bundle", bundle, "structure", "not a Bundle of type transaction")]
    listed = bundle.get("entry", [])
    if not isinstance(listed, list):
        return [], [refuse("Bundle", bundle, "structure", "entry is no list")]
    found = [read_entry(raw, f"Bundle.entry[{place}]") for place, raw in enumerate(listed)]
    entries, dangling = drop_dangling(merge([one for one in found if isinstance(one, Entry)]))
    return entries, [*(one for one in found if isinstance(one, Refusal)), *dangling]


def refuse(identity: str, body: Any, code: str, reason: str) -> Refusal:
    return Refusal(identity, body if strings_of(body).depth <= DEEPEST else None, code, reason)


def read_entry(raw: Any, where: str) -> Entry | Refusal:
    request = raw.get("request") if isinstance(raw, dict) else None
    resource = raw.get("resource") if isinstance(raw, dict) else None
    full_url = raw.get("fullUrl") if isinstance(raw, dict) else None
    if not isinstance(request, dict) or not isinstance(resource, dict) or not isinstance(full_url, str | None):
        return refuse(where, raw, "structure", "an entry needs a request and a resource")
    strings = strings_of(raw)
    if strings.depth > DEEPEST:
        return refuse(where, raw, "too-long", f"nested deeper than {DEEPEST} levels")
    method, url, criteria = request.get("method"), request.get("url"), request.get("ifNoneExist")
    resource_type = resource.get("resourceType")
    if not isinstance(url, str) or not isinstance(resource_type, str) or not TYPE.fullmatch(resource_type):
        return refuse(where, raw, "structure", "an entry needs request.url and resource.resourceType")
    identity = None
    if method == "PUT" and (match := TYPE_AND_ID.fullmatch(url)):
        identity = url if match[1] == resource_type and match[2] == resource.get("id") else None
    elif method == "PUT" and url.startswith(f"{resource_type}?"):
        identity = conditional_identity(url)
    elif method == "POST" and url == resource_type and isinstance(criteria, str):
        identity = conditional_identity(f"{url}?{criteria}")
    if identity is None:
        reason = "neither PUT Type/id of this resource, nor PUT Type?criteria, nor POST Type with ifNoneExist"
        return refuse(where, raw, "not-supported", reason)
    return Entry(identity, full_url, raw, strings)


def conditional_identity(url: str) -> str | None:
    """One spelling for one condition, whatever the order and escaping.

    >>> conditional_identity("Patient?identifier=urn:x%7C1")
    'Patient?identifier=urn:x|1'
    """
    resource_type, _, criteria = url.partition("?")
    pairs = sorted(parse_qsl(criteria))
    return f"{resource_type}?" + "&".join(f"{name}={value}" for name, value in pairs) if pairs else None


def merge(entries: Iterable[Entry]) -> list[Entry]:
    """Each identity once, as a server would end up after the entries one by one; references follow the merged.

    A later update wins over what came before; a create after it finds its match and changes nothing.
    """
    kept: dict[str, Entry] = {}
    for entry in entries:
        before = kept.get(entry.identity)
        if before is None:
            kept[entry.identity] = entry
            continue
        winner, loser = (before, entry) if entry.creates_only else (entry, before)
        names = [url for url in (winner.full_url, loser.full_url, *before.aliases) if url is not None]
        first, *others = dict.fromkeys(names) if names else (None,)
        body = winner.body if first is None else {**winner.body, "fullUrl": first}
        kept[entry.identity] = replace(winner, full_url=first, body=body, aliases=tuple(url for url in others if url))
    renamed: dict[str, str] = {}
    for entry in kept.values():
        # What has an id of the client's choice is referred to by it: no server needs to resolve a placeholder.
        name = entry.full_url if entry.conditional else entry.identity
        for url in (entry.full_url, *entry.aliases):
            if name and url and url != name and (url in entry.aliases or PLACEHOLDER.fullmatch(url)):
                renamed[url] = name
    return [renaming(entry, renamed) for entry in kept.values()] if renamed else list(kept.values())


def renaming(entry: Entry, renamed: Mapping[str, str]) -> Entry:
    if renamed.keys().isdisjoint(entry.strings.placeholders | entry.strings.references):
        return entry
    body = {**entry.body, "resource": renamed_in(entry.body["resource"], renamed)}
    return replace(entry, body=body, strings=strings_of(body))


def renamed_in(value: Any, renamed: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: renamed_in(item, renamed) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed_in(item, renamed) for item in value]
    if not isinstance(value, str):
        return value
    return renamed.get(value) or PLACEHOLDER.sub(lambda found: renamed.get(found[0], found[0]), value)


def with_full_url(entry: Entry, base_url: str) -> Entry:
    """R4 asks for a fullUrl on all but a POST, and validating servers want one wherever a reference is relative.

    What has no address yet gets a placeholder made of its identity, the same every time.
    """
    if entry.full_url is not None:
        return entry
    name = uuid.uuid5(uuid.NAMESPACE_URL, entry.identity).urn if entry.conditional else f"{base_url}/{entry.identity}"
    return replace(entry, full_url=name, body={"fullUrl": name, **entry.body})


def drop_dangling(entries: Sequence[Entry]) -> tuple[list[Entry], list[Refusal]]:
    """A placeholder that no entry carries resolves nowhere; without that entry, those that refer to it dangle too."""
    kept, refused = list(entries), list[Refusal]()
    asked = {entry.identity: _placeholders_referred(entry) for entry in entries}
    while True:
        known = {url for entry in kept for url in (entry.full_url, *entry.aliases)}
        dangling = [entry for entry in kept if not asked[entry.identity] <= known]
        if not dangling:
            return kept, refused
        reason = "refers to a placeholder that no entry to be sent carries as its fullUrl"
        refused += [Refusal(entry.identity, entry.body, "not-found", reason) for entry in dangling]
        kept = [entry for entry in kept if asked[entry.identity] <= known]


def _placeholders_referred(entry: Entry) -> frozenset[str]:
    return frozenset(text for text in entry.strings.references if PLACEHOLDER.fullmatch(text))


def strings_of(value: Any) -> Strings:
    """Walked with a stack of its own: input may nest deeper than Python recurses."""
    placeholders, references, deepest = set[str](), set[str](), 0
    stack: list[tuple[Any, str, int]] = [(value, "", 1)]
    while stack:
        item, key, depth = stack.pop()
        deepest = max(deepest, depth)
        if isinstance(item, dict):
            stack.extend((child, name, depth + 1) for name, child in item.items())
        elif isinstance(item, list):
            stack.extend((child, key, depth + 1) for child in item)
        elif isinstance(item, str):
            if key == "reference":
                references.add(item)
            if "urn:" in item:
                placeholders.update(PLACEHOLDER.findall(item))
    return Strings(frozenset(placeholders), frozenset(references), deepest)
