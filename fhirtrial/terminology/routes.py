"""How a drug is given: route groups and what codes, words and ATC groups say of them; one may lie within another."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fhirtrial.terminology.systems import URIS, comparable

_V2 = "http://terminology.hl7.org/CodeSystem/v2-0162"


@dataclass(frozen=True, slots=True)
class RouteGroup:
    codes: frozenset[tuple[str, str]]
    texts: frozenset[str]
    atc: tuple[str, ...]
    within: str | None


@cache
def groups() -> dict[str, RouteGroup]:
    path = files("fhirtrial.terminology") / "data" / "routes.toml"
    entries: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: _group(entry) for name, entry in entries.items()}


def _group(entry: dict[str, Any]) -> RouteGroup:
    snomed = {(URIS["snomed"], code) for code in entry.get("snomed", {})}
    return RouteGroup(
        codes=frozenset(snomed | {(_V2, code) for code in entry.get("v2", ())}),
        texts=frozenset(entry.get("texts", ())),
        atc=tuple(entry.get("atc", ())),
        within=entry.get("within"),
    )


def routes(group: str) -> RouteGroup:
    """The codes and texts by which a record says that a route belongs to the group, narrower groups included."""
    own = groups()[group]
    inner = [groups()[name] for name in groups() if name != group and within(name, frozenset((group,)))]
    return RouteGroup(
        own.codes.union(*(g.codes for g in inner)), own.texts.union(*(g.texts for g in inner)), own.atc, own.within
    )


def within(group: str, wider: frozenset[str]) -> bool:
    """Whether a group is one of the wider ones or lies within one: intravenous is an injection."""
    above = groups()[group].within if group in groups() else None
    return group in wider or (above is not None and within(above, wider))


def route_group(codes: frozenset[tuple[str, str]], text: str) -> str | None:
    """The narrowest group of a recorded route; None where the record does not say, or says several."""
    named = " ".join(text.lower().split())
    found = {name for name, group in groups().items() if group.codes & codes or named in group.texts}
    return found.pop() if len(found) == 1 else None


def atc_route(code: str) -> str:
    """The route group that an ATC code implies: its main group says where a drug is applied."""
    code = comparable(URIS["atc"], code)
    matches = [(len(p), name) for name, group in groups().items() for p in group.atc if code.startswith(p)]
    return max(matches)[1] if matches else "systemic"
