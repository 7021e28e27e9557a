"""The same resource sent twice counts once: the higher version wins, and a tie between different contents is a problem.

The same means the same absolute URL, else the same type and id.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from fhirtrial.errors import Problem
from fhirtrial.patients.completeness import FAMILIES
from fhirtrial.patients.dates import BadValueError, when
from fhirtrial.patients.document import Document
from fhirtrial.patients.elements import Resource
from fhirtrial.patients.resources import Patient
from fhirtrial.patients.salvage import Loss
from fhirtrial.patients.source import Item


def latest(document: Document) -> tuple[list[Item], list[Problem], list[Loss]]:
    """The items that count, in their order, and what could not be decided."""
    kept: dict[Hashable, Item] = {}
    tied: dict[Hashable, Item] = {}
    for item in document.items:
        resource = item.resource
        label = (type(resource), resource.id)
        if document.deleted and f"{type(resource).__name__}/{resource.id}" in document.deleted:
            continue
        key: Hashable = item.url if item.url.startswith("http") else label if resource.id else (item.where, item.path)
        other = kept.setdefault(key, item)
        if other is item or other.resource == resource:
            continue
        order = _newer(resource, other.resource)
        if order > 0:
            kept[key] = item
            tied.pop(key, None)
        elif order == 0:
            tied[key] = item
    problems, losses = [], []
    for key, item in tied.items():
        kind = type(item.resource).__name__
        got = "the same id twice with different content, and no versionId or lastUpdated to tell which is newer"
        problems.append(Problem(f"{item.where}: {kind}/{item.resource.id}", item.path, got, "send the newer one only"))
        if not isinstance(item.resource, Patient):  # without its Patient nothing here would be anybody's
            kept.pop(key)
            if kind in FAMILIES:
                losses.append(Loss(FAMILIES[kind], getattr(item.resource, "subject", None), item.url))
    return list(kept.values()), problems, losses


def _newer(one: Resource, other: Resource) -> int:
    """1 when `one` is the later version, -1 when `other` is, 0 when nothing tells."""
    for mine, its in zip(_versions(one), _versions(other), strict=True):
        if mine is not None and its is not None and mine != its:
            return 1 if mine > its else -1
    return 0


def _versions(resource: Resource) -> Iterable[int | None]:
    meta = resource.meta
    if meta is None:
        return None, None
    try:
        updated = when(meta.last_updated).instant if meta.last_updated else None
    except BadValueError:
        updated = None
    return int(meta.version_id) if meta.version_id.isdecimal() else None, updated
