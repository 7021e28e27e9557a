"""What a document says about its own completeness, per family of resource types; it never says more than it shows.

A family with a visible resource was loaded; whether to its end, the Bundle's own signs tell (an OperationOutcome, a
next link, a total above its matches, a filtered search). What the caller says (`Loaded`) adds families, and never
removes a sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

from fhirtrial.errors import ConfigError
from fhirtrial.patients.elements import ABSENT_REASON, Resource
from fhirtrial.patients.facts import Coverage, Family, Level
from fhirtrial.patients.resources import Bundle

FAMILIES: Mapping[str, Family] = {
    "Condition": Family.CONDITIONS,
    "MedicationRequest": Family.MEDICATIONS,
    "MedicationStatement": Family.MEDICATIONS,
    "MedicationAdministration": Family.MEDICATIONS,
    "MedicationDispense": Family.MEDICATIONS,
    "Observation": Family.OBSERVATIONS,
    "DiagnosticReport": Family.OBSERVATIONS,
    "ImagingStudy": Family.OBSERVATIONS,
    "Procedure": Family.PROCEDURES,
    "AllergyIntolerance": Family.ALLERGIES,
    "Immunization": Family.IMMUNIZATIONS,
    "Encounter": Family.ENCOUNTERS,
    "FamilyMemberHistory": Family.FAMILY_HISTORY,
}
_WHOLE = frozenset({"", "collection", "document", "transaction", "batch", "searchset"})
_PARTS = frozenset({"message", "history", "subscription-notification"})
_RESPONSES = frozenset({"transaction-response", "batch-response"})
BUNDLE_TYPES = _WHOLE | _PARTS | _RESPONSES
# Search parameters that choose the patient or the form of the answer, and so filter nothing out.
_HARMLESS = frozenset(
    {
        "patient", "subject", "individual", "identifier", "_id", "_count", "_sort", "_include", "_revinclude",
        "_format", "_pretty", "_total", "_getpages", "_getpagesoffset", "_bundletype",
    }
)  # fmt: skip
_HIDDEN = frozenset({"SUBSETTED", "REDACTED", "MASKED"})


Loaded: TypeAlias = frozenset[Family]
"""The families that were loaded to their end, as the caller knows; empty ones among them."""
ALL: Loaded = frozenset(Family)


def loaded_families(text: str) -> Loaded:
    """`all`, or family names separated by commas.

    >>> sorted(loaded_families("conditions, medications"))
    [<Family.CONDITIONS: 'conditions'>, <Family.MEDICATIONS: 'medications'>]
    """
    if text.strip() == "all":
        return ALL
    try:
        return frozenset(Family(name.strip()) for name in text.split(","))
    except ValueError:
        raise ConfigError("--loaded", f"got {text!r}", f"use all, or some of {', '.join(Family)}") from None


def is_partial(bundle: Bundle) -> bool:
    """Whether the Bundle itself says that more exists than it holds."""
    if bundle.type in _PARTS or any(link.relation == "next" for link in bundle.link):
        return True
    if any(entry.response is not None and entry.response.status[:1] in ("4", "5") for entry in bundle.entry):
        return True
    matches = sum(entry.search is None or entry.search.mode in ("", "match") for entry in bundle.entry)
    if bundle.type == "searchset" and bundle.total is not None and bundle.total > matches:
        return True
    return any(_filters(link.url) for link in bundle.link if link.relation == "self" and bundle.type == "searchset")


def _filters(url: str) -> bool:
    """Whether a search asked for some resources only: `MedicationRequest?status=active` says nothing of the others."""
    parts = urlsplit(url)
    if parts.path.rstrip("/").endswith(("$everything", "/Patient")) or parts.path == "Patient":
        return any(name in ("_type", "_since", "start", "end") for name, _ in parse_qsl(parts.query))
    names = (name.split(":")[0].split(".")[0] for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return any(name not in _HARMLESS for name in names)


def answers(bundle: Bundle, kind: str) -> bool:
    """Whether resources that a searchset merely includes are all there are of their type."""
    for link in bundle.link:
        if link.relation == "self":
            wanted = [value for name, value in parse_qsl(urlsplit(link.url).query) if name.startswith("_revinclude")]
            return "$everything" in link.url or any(value.split(":")[0] in (kind, "*") for value in wanted)
    return False


def is_redacted(resource: Resource) -> bool:
    """Whether something was taken out of the resource before it was sent."""
    meta = resource.meta
    if meta is not None:
        for label in (*meta.security, *meta.tag):
            if label.code.upper() in _HIDDEN:
                return True
    code = getattr(resource, "code", None)
    if code is None or not code.extension:
        return False
    return any(one.url == ABSENT_REASON and one.value_code == "masked" for one in code.extension)


def coverage(
    visible: AbstractSet[Family],
    loaded: Loaded,
    *,
    partial: bool,
    told_partial: bool,
    lost: AbstractSet[Family],
    redacted: AbstractSet[Family],
    since: int,
) -> dict[Family, Coverage]:
    """The level of every family: loaded at all, to its end, and with nothing lost or hidden.

    `partial` is the caller's word on what is merely visible; `told_partial` is the data's own, on everything.
    """

    def level(family: Family) -> Level:
        if family in redacted:
            return Level.REDACTED
        whole = family in loaded or (family in visible and not partial)
        if whole and not told_partial and family not in lost:
            return Level.COMPLETE
        return Level.PARTIAL if family in loaded or family in visible or family in lost else Level.NOT_LOADED

    return {family: Coverage(level(family), since) for family in Family}


def asked(bundle: Bundle) -> frozenset[Family]:
    """The family that a searchset was about, which it may have found empty."""
    if bundle.type != "searchset":
        return frozenset()
    kinds = (urlsplit(link.url).path.rstrip("/").rsplit("/")[-1] for link in bundle.link if link.relation == "self")
    return frozenset(FAMILIES[kind] for kind in kinds if kind in FAMILIES)
