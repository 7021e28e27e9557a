"""An ordinary document → facts in one quick pass; whatever is out of the ordinary is left to the careful reader.

Resources are skimmed, and what their bytes say is looked up in the book of patterns. A resource that cannot be looked
up is read carefully by itself; a document in which more is unusual (several patients, doubles, deletions, anything that
does not decode) is `UnusualError`, and read carefully as a whole. Both ways give the same facts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from itertools import compress
from math import isnan
from operator import itemgetter
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
from fhirtrial.patients.patterns import WHEN, Book, moments
from fhirtrial.patients.person import READERS, Person, Terms, latest_of
from fhirtrial.patients.salvage import UNREADABLE
from fhirtrial.patients.skim import SHAPES, STAMPS, Amount, Shape, Stamp
from fhirtrial.patients.source import Item, Source
from fhirtrial.patients.table import NOT_MEASURED, Rows, Table

_fields = msgspec.structs.astuple
_join = b"\0".join
_ID, _SUBJECT, _META, _AMOUNT, _COMPONENTS = range(5)
_UNUSUAL = frozenset(
    {type(None), r4.OperationOutcome, *(kind for kind in r4.SKIPPED if kind.__name__ == "SubscriptionStatus")}
)
_OWNED = frozenset(READERS) | {r4.Consent, r4.ResearchSubject}
_OTHERS = (_OWNED | {r4.Patient, Medication, Substance, r4.ResearchStudy}) - {shape.kind for shape in SHAPES.values()}
_NAMED = frozenset(SHAPES) | _OTHERS
_LABELS = msgspec.json.Decoder(tuple[Coding, ...])


def read_quickly(document: Document, found: Found, terms: Terms, table: Table) -> None:
    """Adds the one patient of an ordinary document to `table`; raises UnusualError before anything was added."""
    _Reading(document, found, terms, table).read()


class _Group:
    """All resources of one type, each with its fields as a tuple."""

    def __init__(self, shape: Shape, places: list[int], resources: Sequence[Any]) -> None:
        self.shape = shape
        self.places = places
        self.tuples = [_fields(resources[i]) for i in places]

    def column(self, place: int) -> list[Any]:
        return list(map(itemgetter(place), self.tuples))

    @cached_property
    def stamps(self) -> tuple[Stamp | None, ...]:
        """Every resource's meta; a single one where they are all alike."""
        metas = self.column(_META)
        some = metas[:1] if _alike(metas) else metas
        try:
            return STAMPS.decode(b"[%b]" % b",".join([meta or b"null" for meta in some]))
        except UNREADABLE:
            raise UnusualError from None


class _Reading:
    def __init__(self, document: Document, found: Found, terms: Terms, table: Table) -> None:
        self._document = document
        self._found = found
        self._resources = found.resources
        self._table = table
        self._terms = terms
        self._book: Book = table.book
        self._rows = Rows()
        self._problems: list[Problem] = []

    def read(self) -> None:
        resources = self._resources
        places: defaultdict[type[Any], list[int]] = defaultdict(list)
        for i, kind in enumerate(map(type, resources)):
            places[kind].append(i)
        people = places.get(r4.Patient, [])
        if len(people) != 1 or not places.keys().isdisjoint(_UNUSUAL):
            raise UnusualError
        self._patient = people[0]
        self._groups = [_Group(SHAPES[kind], some, resources) for kind, some in places.items() if kind in SHAPES]
        self._others = {kind: some for kind, some in places.items() if kind in _OTHERS}
        self._one_by_one = [i for kind, some in self._others.items() if kind in _OWNED for i in some]
        named = map(_NAMED.__contains__, map(type, resources))
        given = compress(zip(self._found.urls, resources, strict=True), named)
        self._references = SkimmedReferences(given, self._document.shared)
        self._check_doubles()
        self._check_subjects()
        as_of = self._check_metas()
        number = len(self._table.patients)
        told = self._document, self._terms, self._references, self._table.vocabulary, self._problems
        self._person = Person(*told, self._item(self._patient), number, as_of)
        for group in self._groups:
            self._skim(group)
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
    def _meanings(self) -> Meanings:
        return Meanings(self._references)

    def _check_doubles(self) -> None:
        """Every resource with an id, and no id and no URL twice."""
        resources, urls = self._resources, self._found.urls
        held = [(group.places, group.column(_ID)) for group in self._groups]
        held += [(places, [resources[i].id for i in places]) for places in self._others.values()]
        for _, given in held:
            ids = set(given)
            if len(ids) < len(given) or "" in ids:
                raise UnusualError
        if len(set(urls)) < len(urls):
            absolute = [urls[i] for places, _ in held for i in places if urls[i].startswith("http")]
            if len(set(absolute)) < len(absolute):
                raise UnusualError

    def _check_subjects(self) -> None:
        """Everything is this one patient's."""
        resources = self._resources
        given = [resources[i].subject for i in self._one_by_one]
        subjects = [subject for group in self._groups for subject in group.column(_SUBJECT)]
        if subjects:
            if not subjects[0] or not _alike(subjects):
                raise UnusualError
            try:
                given.append(msgspec.json.decode(subjects[0], type=Reference))
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
        stamps = [stamp for group in self._groups for stamp in group.stamps if stamp is not None]
        for labels in {bytes(labels) for stamp in stamps for labels in (stamp.tag, stamp.security) if labels}:
            self._check_label(labels)
        if self._document.as_of:
            return self._document.as_of
        others = [self._patient, *self._one_by_one]
        stated = {meta.last_updated for i in others if (meta := self._resources[i].meta) is not None}
        return latest_of((stated | {stamp.last_updated for stamp in stamps}) - {""})

    @staticmethod
    def _check_label(labels: bytes) -> None:
        try:
            if is_redacted(Resource(meta=Meta(tag=_LABELS.decode(labels)))):
                raise UnusualError
        except UNREADABLE:
            raise UnusualError from None

    def _skim(self, group: _Group) -> None:
        """Adds the rows of all resources of one type that can be looked up; the others are to be read one by one."""
        shape = group.shape
        family = FAMILIES[shape.kind.__name__]
        self._person.visible.add(family)
        if self._found.included is not None and any(map(self._found.included, group.places)):
            self._person.lost.add(family)
        patterns: list[Any] = self._patterns(group)
        if None in patterns:
            group, patterns = self._set_aside(group, patterns, patterns)
        times: list[Any] = self._times(group, patterns)
        if None in times:
            group, patterns = self._set_aside(group, times, patterns)
            times = [time for time in times if time is not None]
        if not patterns:
            return
        rows, number = self._rows, self._table.vocabulary.strings.number
        rows.pattern += patterns
        rows.time += times
        rows.order += group.places
        rows.label += map(shape.label.__add__, group.column(_ID))
        versions = [0 if one is None else number(one.version_id) for one in group.stamps]
        rows.version += versions if len(versions) == len(times) else versions * len(times)
        if shape.kind is not r4.Observation:
            rows.number += [NOT_MEASURED] * len(times)
            return
        for amount, components in zip(group.column(_AMOUNT), group.column(_COMPONENTS), strict=True):
            rows.number.append(_number(amount))
            if components:
                rows.number += [_number(one.value_quantity) for one in components]

    def _set_aside(self, group: _Group, found: list[Any], patterns: list[Any]) -> tuple[_Group, list[Any]]:
        """The group and its patterns without what was not found, which is to be read one by one."""
        self._one_by_one += [i for i, one in zip(group.places, found, strict=True) if one is None]
        kept = [k for k, one in enumerate(found) if one is not None]
        return _Group(group.shape, [group.places[k] for k in kept], self._resources), [patterns[k] for k in kept]

    def _patterns(self, group: _Group) -> list[int | None]:
        shape, keys = group.shape, self._keys(group)
        known = self._book.known.setdefault(shape.kind, {})
        found = list(map(known.get, keys))
        if None in found:
            for k, key in enumerate(keys):
                if found[k] is None and key:
                    found[k] = known[key] if key in known else self._learn(shape, key, group.places[k], group.tuples[k])
        return found

    def _keys(self, group: _Group) -> list[bytes]:
        """What each resource says beside its dates, numbers and identity."""
        shape, usual, rare = group.shape, group.shape.usual, group.shape.rare
        if shape.kind is r4.Observation:
            return [
                self._key(shape, i, fields)
                if fields[rare:] != shape.nothing or fields[_COMPONENTS]
                else _join(fields[usual:rare])
                if (amount := fields[_AMOUNT]) is None
                else _join(fields[usual:rare] + _unit(amount))
                for i, fields in zip(group.places, group.tuples, strict=True)
            ]
        keys = [
            _join(fields[usual:rare]) if fields[rare:] == shape.nothing else self._key(shape, i, fields)
            for i, fields in zip(group.places, group.tuples, strict=True)
        ]
        if shape.precise:
            lengths = b"\0%d" * (usual - shape.dates)
            return [
                key and key + lengths % tuple(map(len, fields[shape.dates : usual]))
                for key, fields in zip(keys, group.tuples, strict=True)
            ]
        return keys

    def _key(self, shape: Shape, i: int, fields: tuple[Any, ...]) -> bytes:
        """The key of a resource that holds more than usual; none where only the careful reader can tell.

        `*`, `[` and `?` are no JSON values, so that no two spell alike.
        """
        parts = [b"*", *fields[shape.usual : shape.refs]]
        if shape.kind is r4.Observation:
            parts += _unit(fields[_AMOUNT])
            for component in fields[_COMPONENTS]:
                parts += [b"[", *_fields(component)[1:], *_unit(component.value_quantity)]
        given = fields[shape.refs :]
        if any(given):
            said = self._meanings.said(shape, given, self._found.urls[i])
            return b"" if said is None else _join(parts) + said
        return _join(parts)

    def _learn(self, shape: Shape, key: bytes, i: int, fields: tuple[Any, ...]) -> int | None:
        """The careful reader's rows as a pattern; None where there is more to them than a pattern holds."""
        item, words, problems = self._item(i), Vocabulary(), list[Problem]()
        source = Source(self._person.source.patient, 0, self._references, words, problems)
        source.turn_to(item, doubtful=False)
        timed = tuple(getattr(item.resource, name) for name in shape.timed)
        try:
            rows = list(shape.facts(item.resource, source))
            times = moments(shape.times(shape.dated(*fields[shape.dates : shape.usual], *timed), source))
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
        return self._book.learn(shape.kind, key, rows, words, timed)

    def _times(self, group: _Group, patterns: list[int]) -> list[int | None]:
        """Where each resource's times stand among the document's; None where it has none that can be read."""
        dates, usual = group.shape.dates, group.shape.usual
        manners = map(self._book.manners.__getitem__, patterns)
        given = list(zip(manners, [fields[dates:usual] for fields in group.tuples], strict=True))
        distinct = {one: self._time(group.shape, *one) for one in dict.fromkeys(given)}
        return list(map(distinct.__getitem__, given))

    def _time(self, shape: Shape, manner: int, dates: tuple[Any, ...]) -> int | None:
        try:
            times = shape.times(shape.dated(*dates, *self._book.timed[manner]), self._person.source)
        except BadValueError:
            return None
        self._rows.times += moments(times)
        return len(self._rows.times) // len(WHEN) - 1


def _alike(column: Sequence[Any]) -> bool:
    """Whether the bytes are the same everywhere."""
    return b"".join(column) == bytes(column[0]) * len(column)


def _unit(amount: Amount | None) -> tuple[Any, ...]:
    if amount is None:
        return ()
    return _fields(amount)[1:] if amount.value is not None else (b"?", *_fields(amount)[1:])


def _numbers(shape: Shape, fields: tuple[Any, ...]) -> list[float]:
    if shape.kind is not r4.Observation:
        return [NOT_MEASURED]
    return [_number(fields[_AMOUNT]), *(_number(component.value_quantity) for component in fields[_COMPONENTS])]


def _number(amount: Amount | None) -> float:
    return NOT_MEASURED if amount is None or amount.value is None else amount.value


def _stands(row: Fact, number: float) -> bool:
    """Whether a row's value is this number, or does not come from one."""
    return isnan(number) or row.low == row.high == number
