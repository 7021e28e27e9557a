"""An ordinary document → facts in one quick pass; whatever is out of the ordinary is left to the careful reader.

Resources are skimmed, and what their bytes say is looked up in the book of patterns. A resource that cannot be looked
up is read carefully by itself; a document in which more is unusual (several patients, doubles, deletions, anything that
does not decode) is `UnusualError`, and read carefully as a whole. Both ways give the same facts.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from math import isnan
from typing import Any

import msgspec

from fhirtrial.errors import Problem
from fhirtrial.patients import resources as r4
from fhirtrial.patients.completeness import FAMILIES, is_redacted
from fhirtrial.patients.dates import BadValueError
from fhirtrial.patients.document import Document
from fhirtrial.patients.elements import Coding, Meta, Reference, Resource
from fhirtrial.patients.facts import Fact, Patient, Vocabulary
from fhirtrial.patients.found import Found, UnusualError
from fhirtrial.patients.meant import Meanings, SkimmedReferences, widely
from fhirtrial.patients.medication_resources import Medication, Substance
from fhirtrial.patients.patterns import WHEN, Book, Pattern, moments
from fhirtrial.patients.person import READERS, Person, Terms, latest_of
from fhirtrial.patients.salvage import UNREADABLE
from fhirtrial.patients.skim import NOT_GIVEN, SHAPES, Amount, Shape
from fhirtrial.patients.source import Item, Source
from fhirtrial.patients.table import NOT_MEASURED, Rows, Table

_fields = msgspec.structs.astuple
_join = b"\0".join
_SUBJECT, _META, _AMOUNT, _COMPONENTS = 1, 2, 3, 4
_UNUSUAL = frozenset(
    {type(None), r4.OperationOutcome, *(kind for kind in r4.SKIPPED if kind.__name__ == "SubscriptionStatus")}
)
_OWNED = frozenset(READERS) | {r4.Consent, r4.ResearchSubject}
_REFERRED = frozenset({Medication, Substance, r4.ResearchStudy})
_GROUPS = {shape.kind: -1 - n for n, shape in enumerate(SHAPES.values())}
_BLANK = {shape.kind: shape.kind() for shape in SHAPES.values()}
_LABELS = msgspec.json.Decoder(tuple[Coding, ...])


def read_quickly(document: Document, found: Found, terms: Terms, table: Table) -> None:
    """Adds the one patient of an ordinary document to `table`; raises UnusualError before anything was added."""
    _Reading(document, found, terms, table).read()


class _Reading:
    def __init__(self, document: Document, found: Found, terms: Terms, table: Table) -> None:
        self._document = document
        self._found = found
        self._resources = found.resources
        self._table = table
        self._terms = terms
        self._book: Book = table.book
        self._rows = Rows()
        self._seen: dict[Any, int] = {}
        self._problems: list[Problem] = []
        self._one_by_one: list[int] = []

    def read(self) -> None:
        groups: defaultdict[type[Any], list[int]] = defaultdict(list)
        for i, kind in enumerate(map(type, self._resources)):
            groups[kind].append(i)
        people = groups.pop(r4.Patient, [])
        if len(people) != 1 or not groups.keys().isdisjoint(_UNUSUAL):
            raise UnusualError
        self._groups = {kind: places for kind, places in groups.items() if kind in SHAPES or kind in _OWNED}
        self._others = [(kind, groups[kind]) for kind in _REFERRED if kind in groups]
        self._patient = people[0]
        self._check_doubles()
        self._check_subjects()
        as_of = self._check_metas()
        number = len(self._table.patients)
        person = self._item(self._patient)
        given = self._document, self._terms, self._references, self._table.vocabulary, self._problems
        self._person = Person(*given, person, number, as_of)
        for kind, places in self._groups.items():
            if kind in SHAPES:
                self._skim(SHAPES[kind], places)
            else:
                self._one_by_one += places
        for i in sorted(self._one_by_one):
            rows = self._person.take(self._item(i))
            self._rows.careful += rows
            self._rows.careful_order += [i] * len(rows)
        patient = self._person.patient(self._document.losses)
        self._keep(patient, number)

    def _keep(self, patient: Patient, number: int) -> None:
        self._table.add_skimmed(self._rows, number)
        self._table.patients.append(patient)
        self._table.problems += self._document.problems
        self._table.problems += self._problems

    def _item(self, i: int) -> Item:
        resource = self._resources[i]
        whole = widely(resource) if type(resource) in SHAPES else resource
        included = self._found.included is not None and self._found.included(i)
        return Item(whole, self._found.urls[i], *self._found.place(i), included)

    @cached_property
    def _references(self) -> SkimmedReferences:
        kept = [self._patient, *(i for places in self._groups.values() for i in places)]
        kept += [i for _, places in self._others for i in places]
        resources, urls = self._resources, self._found.urls
        return SkimmedReferences(((urls[i], resources[i]) for i in sorted(kept)), self._document.shared)

    @cached_property
    def _meanings(self) -> Meanings:
        return Meanings(self._references)

    def _check_doubles(self) -> None:
        """Every resource with an id, and no id and no URL twice."""
        resources, urls = self._resources, self._found.urls
        held = [*self._groups.items(), *self._others, (r4.Patient, [self._patient])]
        for _, places in held:
            ids = {resources[i].id for i in places}
            if len(ids) < len(places) or "" in ids:
                raise UnusualError
        given = [urls[i] for _, places in held for i in places]
        if len(set(given)) < len(given):
            absolute = [url for url in given if url.startswith("http")]
            if len(set(absolute)) < len(absolute):
                raise UnusualError

    def _check_subjects(self) -> None:
        """Everything is this one patient's."""
        resources = self._resources
        subjects = [resources[i].subject for kind, places in self._groups.items() if kind in SHAPES for i in places]
        given = [resources[i].subject for kind, places in self._groups.items() if kind not in SHAPES for i in places]
        if subjects:
            first = subjects[0]
            if first is NOT_GIVEN or b"".join(subjects) != bytes(first) * len(subjects):
                raise UnusualError
            try:
                given.append(msgspec.json.decode(first, type=Reference))
            except UNREADABLE:
                raise UnusualError from None
        if any(one != given[-1] for one in given) or (given and not self._is_patient(given[-1])):
            raise UnusualError

    def _is_patient(self, subject: Reference | None) -> bool:
        if subject is None or not subject.reference or subject.reference.startswith("#"):
            return False
        said, patient = subject.reference, self._resources[self._patient]
        url = self._found.urls[self._patient]
        if said == url:
            return True
        if said == f"Patient/{patient.id}":  # by whatever base, unless something else stands at that URL
            ending = f"/{said}"
            return not any(one.endswith(ending) and one != url for one in self._found.urls)
        return ":" in said.split("/")[0] and self._references.skimmed(subject, None, "") is patient

    def _check_metas(self) -> str:
        """No label that hides something; and as of when the data are."""
        resources = self._resources
        places = [i for kind, some in self._groups.items() if kind in SHAPES for i in some]
        stamps = [meta for i in places if (meta := resources[i].meta) is not None]
        self._versioned = any([meta.version_id for meta in stamps])  # noqa: C419 - quicker than a generator
        for labels in ([m.tag for m in stamps], [m.security for m in stamps]):
            joined = b"".join(labels)
            if joined:
                same = labels[0] is not NOT_GIVEN and joined == bytes(labels[0]) * len(labels)
                for one in [bytes(labels[0])] if same else {bytes(label) for label in labels} - {b""}:
                    self._check_label(one)
        if self._document.as_of:
            return self._document.as_of
        others = [self._patient, *(i for kind, some in self._groups.items() if kind not in SHAPES for i in some)]
        stated = {meta.last_updated for i in others if (meta := resources[i].meta) is not None}
        return latest_of((stated | {meta.last_updated for meta in stamps}) - {""})

    @staticmethod
    def _check_label(labels: bytes) -> None:
        try:
            if is_redacted(Resource(meta=Meta(tag=_LABELS.decode(labels)))):
                raise UnusualError
        except UNREADABLE:
            raise UnusualError from None

    def _skim(self, shape: Shape, places: list[int]) -> None:
        """Adds the rows of all resources of one type that can be looked up; the others are to be read one by one."""
        tuples = [_fields(self._resources[i]) for i in places]
        found = self._patterns(shape, tuples, places)
        times = self._times(shape, found, tuples)
        if None in found or -1 in times:
            for k in [k for k, time in enumerate(times) if time == -1]:
                self._one_by_one.append(places[k])
            kept = [k for k, time in enumerate(times) if time != -1]
            places, tuples = [places[k] for k in kept], [tuples[k] for k in kept]
            times, found = [times[k] for k in kept], [found[k] for k in kept]
        patterns: list[Any] = found
        family = FAMILIES[shape.kind.__name__]
        self._person.visible.add(family)
        if self._found.included is not None and any(map(self._found.included, places)):
            self._person.lost.add(family)
        strings, name, rows = self._table.vocabulary.strings, shape.label, self._rows
        labels = strings.numbers([name + fields[0] for fields in tuples])
        versions = [0] * len(labels)
        if self._versioned:
            versions = [
                strings.number(meta.version_id) if (meta := fields[_META]) is not None else 0 for fields in tuples
            ]
        rows.pattern += [pattern.first for pattern in patterns]
        rows.time += times
        rows.label += labels
        rows.version += versions
        rows.order += places
        if shape.kind is not r4.Observation:
            rows.number += [NOT_MEASURED] * len(labels)
            return
        amounts = [fields[_AMOUNT] for fields in tuples]
        rows.number += [NOT_MEASURED if one is None or one.value is None else one.value for one in amounts]
        for k, fields in enumerate(tuples):
            if fields[_COMPONENTS]:
                further = patterns[k].count - 1
                rows.pattern += range(patterns[k].first + 1, patterns[k].first + 1 + further)
                rows.time += [times[k]] * further
                rows.label += [labels[k]] * further
                rows.version += [versions[k]] * further
                rows.order += [places[k]] * further
                rows.number += _numbers(shape, fields)[1:]

    def _patterns(self, shape: Shape, tuples: list[Any], places: list[int]) -> list[Pattern | None]:
        rest = shape.rest
        if shape.kind is r4.Observation:
            keys = [
                _join(fields[rest:] + _fields(amount)[1:])
                if (amount := fields[_AMOUNT]) is not None and amount.value is not None and not fields[_COMPONENTS]
                else _observed(fields, rest)
                for fields in tuples
            ]
        else:
            keys = [_join(fields[rest:]) for fields in tuples]
        if shape.precise:
            keys = [
                key + b"\0%d" * (rest - shape.dates) % tuple(map(len, fields[shape.dates : rest]))
                for key, fields in zip(keys, tuples, strict=True)
            ]
        book = self._book.known.setdefault(shape.kind, {})
        found = list(map(book.get, keys))
        if shape.refs < shape.dates:
            none = (NOT_GIVEN,) * (shape.dates - shape.refs)
            for k, fields in enumerate(tuples):
                if (given := fields[shape.refs : shape.dates]) != none:
                    said = self._meanings.said(shape, given, self._found.urls[places[k]])
                    if said is None:
                        found[k] = None
                        keys[k] = b""
                    else:
                        keys[k] += said
                        found[k] = book.get(keys[k])
        if None in found:
            for k, pattern in enumerate(found):
                if pattern is None and keys[k]:
                    found[k] = book.get(keys[k]) or self._learn(shape, keys[k], places[k], tuples[k])
        return found

    def _learn(self, shape: Shape, key: bytes, i: int, fields: tuple[Any, ...]) -> Pattern | None:
        """The careful reader's rows as a pattern; None where there is more to them than a pattern holds."""
        item, words, problems = self._item(i), Vocabulary(), list[Problem]()
        source = Source(self._person.source.patient, 0, self._references, words, problems)
        source.turn_to(item, doubtful=False)
        try:
            rows = list(shape.facts(item.resource, source))
            times = moments(shape.times(item.resource, source))
        except BadValueError:
            return None
        if source.incomplete or problems or not rows or is_redacted(item.resource):
            return None
        numbers = _numbers(shape, fields)
        if len(numbers) != len(rows) or any(
            tuple(getattr(row, name) for name in WHEN) != times or not _stands(row, number)
            for row, number in zip(rows, numbers, strict=True)
        ):
            return None
        alone = shape.undated is not None and all(
            getattr(self._resources[i], name) is NOT_GIVEN for name in shape.undated
        )
        group, example = (_GROUPS[shape.kind], _BLANK[shape.kind]) if alone else (self._book.group(), item.resource)
        return self._book.learn(shape.kind, key, rows, words, group=group, example=example)

    def _times(self, shape: Shape, patterns: list[Pattern | None], tuples: list[Any]) -> list[int]:
        """Where each resource's times stand among the document's; -1 where it has none that can be read."""
        dates, rest, seen = shape.dates, shape.rest, self._seen
        found: list[int] = []
        for pattern, fields in zip(patterns, tuples, strict=True):
            if pattern is None:
                found.append(-1)
                continue
            key = pattern.group, fields[dates:rest]
            time = seen.get(key)
            if time is None:
                time = seen[key] = self._time(shape, pattern.example, key[1])
            found.append(time)
        return found

    def _time(self, shape: Shape, example: Resource, dates: tuple[Any, ...]) -> int:
        names = shape.names[shape.dates : shape.rest]
        dated = msgspec.structs.replace(example, **dict(zip(names, dates, strict=True)))
        try:
            times = shape.times(dated, self._person.source)
        except BadValueError:
            return -1
        self._rows.times.append(moments(times))
        return len(self._rows.times) - 1


def _observed(fields: tuple[Any, ...], rest: int) -> bytes:
    """The key of any Observation; `[` and `?` are no JSON values, so that no two spell alike."""
    parts = [*fields[rest:], *_unit(fields[_AMOUNT])]
    for component in fields[_COMPONENTS]:
        parts += [b"[", *_fields(component)[1:], *_unit(component.value_quantity)]
    return _join(parts)


def _unit(amount: Amount | None) -> tuple[Any, ...]:
    if amount is None:
        return ()
    return _fields(amount)[1:] if amount.value is not None else (b"?", *_fields(amount)[1:])


def _numbers(shape: Shape, fields: tuple[Any, ...]) -> list[float]:
    if shape.kind is not r4.Observation:
        return [NOT_MEASURED]
    amounts = [fields[_AMOUNT], *(component.value_quantity for component in fields[_COMPONENTS])]
    return [NOT_MEASURED if one is None or one.value is None else one.value for one in amounts]


def _stands(row: Fact, number: float) -> bool:
    """Whether a row's value is this number, or does not come from one."""
    return isnan(number) or row.low == row.high == number
