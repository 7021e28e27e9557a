"""The names by which text says a concept, each given to the concept it belongs to; derived names come last.

Nothing is read that is not asked for: names of derived concepts are taken from their lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from fhirtrial.terminology import derived
from fhirtrial.terminology.concepts import Concept
from fhirtrial.terminology.names import surface
from fhirtrial.terminology.spelling import other_spellings

Form: TypeAlias = tuple[str, str, bool]
Members: TypeAlias = Callable[[str], tuple[str, ...]]


def written_of(concepts: Mapping[str, Concept]) -> Mapping[str, Concept]:
    return concepts.written if isinstance(concepts, derived.Library) else concepts


def further_names(concepts: Mapping[str, Concept]) -> Iterator[derived.Names]:
    """The names that derived concepts have, and those that tables add to a written one."""
    return derived.every_name() if isinstance(concepts, derived.Library) else iter(())


def surface_forms(concepts: Mapping[str, Concept], members: Members) -> tuple[Form, ...]:
    written = written_of(concepts)
    holders: dict[tuple[str, bool], list[str]] = {}
    for name in sorted(written):
        concept = written[name]
        own = (concept.label, *(text for text in concept.synonyms if text not in concept.narrower))
        for key in _keys(own):
            holders.setdefault(key, []).append(name)
    found = [
        (form, name, case) for (form, case), names in holders.items() for name in _owners(form, names, written, members)
    ]
    return tuple(sorted((*found, *_derived(concepts, {form.lower() for form, _, _ in found}))))


def _derived(concepts: Mapping[str, Concept], known: set[str]) -> Iterator[Form]:
    mine: dict[str, str] = {}
    for entry in further_names(concepts):
        for form, case in _keys(entry.names):
            if form.lower() not in known and mine.setdefault(form.lower(), entry.concept) == entry.concept:
                yield form, entry.concept, case


def _keys(names: Iterable[str]) -> Iterable[tuple[str, bool]]:
    return dict.fromkeys(key for text in names for key in surface(text))


def _owners(form: str, names: Sequence[str], written: Mapping[str, Concept], members: Members) -> Sequence[str]:
    """Whose name a shared form is: the concept that it labels, else the member before its class."""
    if len(names) == 1:
        return names
    labelled = [name for name in names if form in _label_forms(written[name].label)]
    if labelled:
        return labelled
    above = {a for a in names for b in names if a != b and b in members(a)}
    return [name for name in names if name not in above]


def _label_forms(label: str) -> set[str]:
    return {form for text in (label, *other_spellings((label,))) for form, _ in surface(text)}
