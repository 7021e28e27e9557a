"""A definitional Group → criteria, ours or another's: standard fields become atoms where exact, nothing is dropped.

Whatever is not fully understood is `not computable` with its own words: an unknown code, value or element, an
extension, a bound that may or may not count completed years. So a Group alone never says another truth than its trial.
R6's combination of characteristics is read where it is one of all, any and at-least.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.tree import Age, All, Any, AtLeast, Condition, Measurement, Node, Not, NotComputable, Sex
from fhirtrial.errors import ArtifactError
from fhirtrial.plugins import Resource
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.names import plain
from fhirtrial.terminology.systems import URIS
from fhirtrial_mappings.artifacts.characteristics import AGE_CODES, DISEASE, GENDER, SEX_CODE, single
from fhirtrial_mappings.artifacts.extensions import ARTIFACT_STATUS, CHARACTERISTIC_EXPRESSION
from fhirtrial_mappings.artifacts.primitives import string

_FOR_MATCHING = "http://hl7.org/fhir/uv/ebm/StructureDefinition/relevant-for-automated-matching"
_UNDERSTOOD = {"id", "code", "exclude", "description"}
_OWN_ID = re.compile(r"(inc|exc|defect)-[1-9][0-9]*|age|sex")
_KINDS: Mapping[str, str] = {"exc": "exclusion", "defect": "defect"}
_EXACT = frozenset({"http://snomed.info/sct", "http://loinc.org"})
_AGE_UNITS = frozenset({"a", "mo", "wk", "d"})
_TAG = re.compile(r"\s*\([a-z ]+\)$")
_OPS = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
Coded = frozenset[tuple[str, str]]


def criteria(group: Resource, terminology: Terminology) -> tuple[Criterion, ...]:
    """One criterion for each characteristic; one in all where the Group combines them otherwise than by AND."""
    where = f"Group/{group.get('id', '?')}"
    if group.get("actual") is True or group.get("membership") == "enumerated":
        raise ArtifactError(where, "a list of members, not a definition", "give a definitional Group")
    characteristics = group.get("characteristic", [])
    whole = _as_a_whole(group, characteristics, terminology)
    if whole is not None:
        return (_criterion("inc-1", "inclusion", _group_words(group), whole),)
    taken: set[str] = set()
    return tuple(_one(characteristic, terminology, taken) for characteristic in characteristics)


def _as_a_whole(group: Resource, characteristics: list[Resource], terminology: Terminology) -> Node | None:
    """A Group that is one criterion: an expression, an unknown modifier, a combination that is no AND."""
    modifiers = [e for e in group.get("modifierExtension", ()) if e.get("url") != ARTIFACT_STATUS]
    expressed = any(e.get("url") == CHARACTERISTIC_EXPRESSION for e in group.get("extension", ()))
    method = group.get("combinationMethod", "all-of")
    if modifiers or expressed or not characteristics:
        return NotComputable(text=_group_words(group), reason="not_encoded")
    if method == "all-of":
        return None
    nodes = tuple(_branch(one, terminology) for one in characteristics)
    threshold = group.get("combinationThreshold")
    if method == "any-of":
        return Any(nodes=nodes)
    if method == "at-least" and isinstance(threshold, int) and 1 <= threshold <= len(nodes):
        return AtLeast(k=threshold, nodes=nodes)
    return NotComputable(text=_group_words(group), reason="not_encoded")


def _branch(characteristic: Resource, terminology: Terminology) -> Node:
    node = _node(characteristic, terminology)
    return Not(node=node) if characteristic.get("exclude") else node


def _one(characteristic: Resource, terminology: Terminology, taken: set[str]) -> Criterion:
    prefix = "exc" if characteristic.get("exclude") else "inc"
    own = str(characteristic.get("id", ""))
    if not _OWN_ID.fullmatch(own) or own in taken or own.startswith("exc") != (prefix == "exc"):
        own = next(name for n in range(1, len(taken) + 2) if (name := f"{prefix}-{n}") not in taken)
    taken.add(own)
    kind = "exclusion" if prefix == "exc" else _KINDS.get(own.split("-")[0], "inclusion")
    return _criterion(own, kind, words(characteristic), _node(characteristic, terminology))


def _criterion(name: str, kind: str, text: str, tree: Node) -> Criterion:
    return Criterion.model_validate({"id": name, "kind": kind, "text": text, "tree": tree})


def _node(characteristic: Resource, terminology: Terminology) -> Node:
    found = None
    values = [key for key in characteristic if key.startswith("value")]
    if len(values) == 1 and _known(characteristic).keys() - {values[0]} <= _UNDERSTOOD:
        found = _standard(characteristic, values[0], terminology)
    return found or NotComputable(text=words(characteristic), reason="not_encoded")


def _known(characteristic: Resource) -> Resource:
    """Without an extension that only says whether a machine is to look at it."""
    told = {extension.get("url") for extension in characteristic.get("extension", ())}
    return {k: v for k, v in characteristic.items() if k != "extension" or told - {_FOR_MATCHING}}


def _standard(characteristic: Resource, key: str, terminology: Terminology) -> Node | None:
    """What `characteristics.standard` writes, read."""
    asked, value = _codes(characteristic.get("code")), characteristic[key]
    if asked & AGE_CODES:
        bounds = list(_bounds(key, value))
        return _age(*bounds[0]) if len(bounds) == 1 else None
    if SEX_CODE in asked:
        given = {code for system, code in _codes(value) if system == GENDER} if key == "valueCodeableConcept" else set()
        return Sex.model_validate({"value": given.pop()}) if given in ({"female"}, {"male"}) else None
    if DISEASE in asked:
        coded = _codes(value) if key == "valueCodeableConcept" else frozenset()
        name = _named(coded, terminology) or _headed(coded, terminology)
        return Condition(concept=name) if name and terminology.concept(name).kind == "condition" else None
    name = _named(asked, terminology)
    if name is None or terminology.concept(name).kind not in {"lab", "vital", "score"}:
        return None
    found = [
        Measurement.model_validate({"concept": name, "op": op, "value": number, "unit": unit})
        for op, number, unit in _bounds(key, value)
    ]
    return All(nodes=tuple(found)) if len(found) > 1 else found[0] if found else None


def _age(op: str, value: float, unit: str) -> Node | None:
    """At least and below are exact; "at most 75 years" may or may not count the year that has begun."""
    if unit not in _AGE_UNITS or op not in {">=", "<"}:
        return None
    bound = {"low": value} if op == ">=" else {"high": value, "high_op": "<"}
    return Age.model_validate({**bound, "unit": unit})


def _bounds(key: str, value: Resource) -> Iterator[tuple[str, float, str]]:
    """Each bound as operator, number and UCUM code; none at all where one of them is no such thing."""
    ends = [(_OPS.get(value.get("comparator", "")), value)] if key == "valueQuantity" else []
    if key == "valueRange":
        ends = [(op, value[end]) for op, end in ((">=", "low"), ("<=", "high")) if end in value]
    if all(op and _is_ucum(quantity) for op, quantity in ends):
        yield from ((str(op), float(quantity["value"]), str(quantity["code"])) for op, quantity in ends)


def _is_ucum(quantity: Resource) -> bool:
    number = isinstance(quantity.get("value"), int | float)
    return (
        number and quantity.get("system") == URIS["ucum"] and bool(quantity.get("code")) and "extension" not in quantity
    )


def _codes(concept: object) -> Coded:
    codings = concept.get("coding", ()) if isinstance(concept, dict) else ()
    return frozenset((str(c.get("system", "")), str(c["code"])) for c in codings if c.get("code"))


def _named(codes: Coded, terminology: Terminology) -> str | None:
    """The one concept that its SNOMED CT or LOINC code names, where every other code is that concept's, too.

    A code under a wider concept is not that concept, and a class of ICD alone may hold more or less than its concept.
    """
    index = _by_code(terminology)
    found = {index.get(code) for code in codes if code[0] in _EXACT}
    name, own = (found.pop() if len(found) == 1 else None) or ("", frozenset())
    return name if name and codes <= own else None


@lru_cache(maxsize=4)
def _by_code(terminology: Terminology) -> dict[tuple[str, str], tuple[str, Coded] | None]:
    """Concepts that are one code per system with nothing under it, by these; None for a code that several have."""
    named: dict[tuple[str, str], tuple[str, Coded] | None] = {}
    for name in terminology.names:
        own = _codes(single(terminology.concept(name), terminology))
        for code in own:
            named[code] = None if code in named else (name, own)
    return named


def _headed(codes: Coded, terminology: Terminology) -> str | None:
    """The concept that has this SNOMED CT code alone as its first, under one of the concept's own names."""
    return _by_head(terminology).get(next(iter(codes))) if len(codes) == 1 else None


@lru_cache(maxsize=4)
def _by_head(terminology: Terminology) -> dict[tuple[str, str], str | None]:
    heads: dict[tuple[str, str], str | None] = {}
    for name in terminology.names:
        concept = terminology.concept(name)
        head = next((code for code in concept.codes if code.system == "http://snomed.info/sct"), None)
        named = {plain(text).casefold() for text in (concept.label, *concept.synonyms)}
        if head is not None and plain(_TAG.sub("", head.display)).casefold() in named:
            heads[head.system, head.code] = None if (head.system, head.code) in heads else name
    return heads


def words(characteristic: Resource) -> str:
    """What a reader sees of it: its description, else its code and value in their own words."""
    told = string(characteristic.get("description"))
    value = next((v for k, v in characteristic.items() if k.startswith("value")), None)
    shown = [_concept_words(characteristic.get("code")), "" if value is True else _value_words(value)]
    return told or ": ".join(part for part in shown if part) or "a characteristic without words"


def _group_words(group: Resource) -> str:
    inside = "; ".join(words(one) for one in group.get("characteristic", ()))
    named = (group.get("description"), inside, group.get("title"), group.get("name"))
    return next((text for one in named if (text := string(one))), "a group without words")


def _concept_words(concept: object) -> str:
    if not isinstance(concept, dict):
        return ""
    codings = [str(c.get("display") or c.get("code") or "") for c in concept.get("coding", ())]
    return string(concept.get("text")) or string(", ".join(codings)) or ""


def _value_words(value: object) -> str:
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    if "coding" in value or "text" in value:
        return _concept_words(value)
    ends = [f"{end} {_value_words(value[end])}" for end in ("low", "high") if end in value]
    parts = (value.get("comparator"), value.get("value"), value.get("unit") or value.get("code"))
    return ", ".join(ends) or " ".join(str(p) for p in parts if p is not None) or str(value.get("display", ""))
