"""One chunk of patients while it is read: documents go in, quickly or carefully, and Facts come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from fhirtrial.errors import PatientError, Problem
from fhirtrial.patients.bundle import facts_in
from fhirtrial.patients.document import Document, Limits
from fhirtrial.patients.export import Gathered
from fhirtrial.patients.facts import Facts, Level, Patient
from fhirtrial.patients.found import UnusualError, of_bundle, of_lines
from fhirtrial.patients.patterns import Book
from fhirtrial.patients.person import Terms
from fhirtrial.patients.quick import read_quickly
from fhirtrial.patients.salvage import Loss
from fhirtrial.patients.table import Table


class Once:
    """Each patient is expected in one place only; `seen` are the places of some, if these are known.

    Patients joined from single resources are placed under their own names, once; only other places are remembered.
    """

    def __init__(self, seen: Mapping[str, str] | None = None) -> None:
        self._seen = dict(seen or {})

    def checked(self, facts: Facts, places: Sequence[str]) -> Facts:
        """The facts of a chunk that knew nothing of other chunks."""
        patients, problems = self.check(list(facts.patients), list(places))
        return replace(facts, patients=tuple(patients), problems=(*facts.problems, *problems))

    def check(self, patients: list[Patient], places: list[str]) -> tuple[list[Patient], list[Problem]]:
        """A patient who stands in two Bundles is read twice, and the second is complete in nothing."""
        checked, problems = [], []
        for patient, place in zip(patients, places, strict=True):
            name = patient.reference
            before = self._seen.get(name, place) if place == name else self._seen.setdefault(name, place)
            if before == place:
                checked.append(patient)
                continue
            got = f"the same patient as in {before}"
            todo = "send one Bundle for each patient; this one counts as partial"
            problems.append(Problem(f"{place}: {patient.reference}", "", got, todo))
            capped = {
                family: replace(one, level=min(one.level, Level.PARTIAL)) for family, one in patient.coverage.items()
            }
            checked.append(replace(patient, coverage=capped))
        return checked, problems


class Chunk:
    """Patients read so far; `once` when each patient is expected in one place only."""

    def __init__(self, size: int, terms: Terms, limits: Limits, *, once: bool) -> None:
        self.terms = terms
        self.limits = limits
        self._size = size
        self._once = Once() if once else None
        self._taken = False
        self._start()

    @property
    def full(self) -> bool:
        return len(self.table.patients) >= self._size

    @property
    def empty(self) -> bool:
        return not (self._taken or self.table.patients or self.table.problems)

    def read(self, data: bytes, where: str) -> None:
        """Reads a Bundle or a list of resources; PatientError where it is neither."""
        if not self.read_quickly(data, where):
            self.read_carefully(data, where)

    def read_quickly(self, data: bytes, where: str) -> bool:
        """Reads an ordinary Bundle of one patient; False, and nothing read, for anything else."""
        if len(data) > self.limits.size or self.limits.depth is not None:
            return False
        document = Document(where)
        before = len(self.table.patients)
        try:
            read_quickly(document, of_bundle(data, document), self.terms, self.table)
        except UnusualError:
            return False
        self._place(before, where)
        return True

    def read_carefully(self, data: bytes, where: str) -> None:
        """The same for whatever can be read."""
        document = Document(where)
        document.add(data, where, self.limits)
        self.add(document, self.terms)

    def join(self, gathered: Gathered, terms: Terms) -> None:
        """Reads one patient's lines out of many."""
        document, before = gathered.document, len(self.table.patients)
        if self.limits.depth is None:
            with suppress(UnusualError):
                read_quickly(document, of_lines(gathered.lines, gathered.places), terms, self.table)
                self._place(before, document.name)
                return
        for line, place in zip(gathered.lines, gathered.places, strict=True):
            try:
                document.add(line, place, self.limits)
            except PatientError as error:
                document.problems.append(error.problem)
                document.losses.append(Loss(None))
        self.add(document, terms)

    def add(self, document: Document, terms: Terms) -> None:
        before = len(self.table.patients)
        result = facts_in(document, self.table.vocabulary, before, terms)
        self.table.add(result.rows)
        self.table.patients += result.patients
        self.table.problems += result.problems
        self._place(before, document.name)

    def take(self) -> Facts:
        facts = self.table.facts()
        self._taken = True
        self._start()
        return facts

    def _start(self) -> None:
        self.table = Table(_book())
        self.places: list[str] = []

    def _place(self, first: int, where: str) -> None:
        patients = self.table.patients
        self.places += [where] * (len(patients) - first)
        if self._once is not None:
            patients[first:], problems = self._once.check(patients[first:], self.places[first:])
            self.table.problems += problems


_SHARED = [Book()]


def _book() -> Book:
    """What one chunk has learned serves the next."""
    if _SHARED[0].full:
        _SHARED[0] = Book()
    return _SHARED[0]
