"""CodeableConcepts as code sets: systems under their canonical URI, codes as recorded, every display and text kept."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from fhirtrial.patients.elements import Coding, Concept
from fhirtrial.patients.facts import CodeSet
from fhirtrial.terminology.systems import canonical

NOTHING = CodeSet()


def code_set(concept: Concept | None) -> CodeSet:
    if concept is None:
        return NOTHING
    if len(concept.coding) == 1:
        coding = concept.coding[0]
        return _single(coding.system, coding.code, coding.display, concept.text)
    return _collect(concept.coding, (concept.text,))


@lru_cache(maxsize=65536)
def _single(system: str, code: str, display: str, text: str) -> CodeSet:
    """The ordinary concept: most of a record's concepts return again and again."""
    return _collect((Coding(system, code, display),), (text,))


def listed(concepts: Concept | tuple[Concept, ...] | None) -> CodeSet:
    """An element that R4 has once and R5 any number of times."""
    return merged(concepts) if isinstance(concepts, tuple) else code_set(concepts)


def merged(concepts: Iterable[Concept | None]) -> CodeSet:
    """Several concepts that answer one question together, in their order."""
    given = [concept for concept in concepts if concept is not None]
    if len(given) < 2:
        return code_set(given[0]) if given else NOTHING
    return _collect([coding for concept in given for coding in concept.coding], [concept.text for concept in given])


def of_codings(codings: Iterable[Coding | None]) -> CodeSet:
    return _collect([coding for coding in codings if coding is not None], ())


def joined(*sets: CodeSet) -> CodeSet:
    """One set of all their codes and words."""
    given = [codes for codes in sets if codes != NOTHING]
    if len(given) < 2:
        return given[0] if given else NOTHING
    codings = dict.fromkeys(pair for codes in given for pair in codes.codings)
    return CodeSet(tuple(codings), "; ".join(dict.fromkeys(codes.text for codes in given if codes.text)))


def has(concept: Concept | None, system: str, *codes: str) -> bool:
    return concept is not None and any(c.code in codes and canonical(c.system) == system for c in concept.coding)


def _collect(codings: Iterable[Coding], texts: Iterable[str]) -> CodeSet:
    pairs: dict[tuple[str, str], None] = {}
    words: dict[str, str] = {}  # `Positive` and `POSITIVE` are one
    for coding in codings:
        if coding.code:
            pairs[canonical(coding.system), coding.code] = None
        if coding.display:
            words.setdefault(coding.display.casefold(), coding.display)
    for text in texts:
        if text:
            words.setdefault(text.casefold(), text)
    return CodeSet(tuple(pairs), "; ".join(words.values())) if pairs or words else NOTHING
