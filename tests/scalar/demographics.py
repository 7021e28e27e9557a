"""Age and sex: arithmetic on what the Patient resource says."""

from __future__ import annotations

from datetime import timedelta

from scalar.days import EPOCH
from scalar.doses import COMPARE
from scalar.grade import YES, Grade, every, is_so, unknown
from scalar.person import Person

from fhirtrial.criteria.tree import Age, Op, Sex
from fhirtrial.matching.reasons import Reason


def sex(person: Person, atom: Sex) -> Grade:
    if person.patient.sex not in ("male", "female"):
        return unknown(Reason.ABSENT)
    return is_so(person.patient.sex == atom.value)


def age(person: Person, atom: Age) -> Grade:
    if person.patient.birth is None:
        return unknown(Reason.ABSENT)
    ages = {completed(person, day, atom.unit) for day in person.patient.birth}

    def bounded(op: Op, bound: float | None) -> Grade:
        if bound is None:
            return YES
        found = {COMPARE[op](years, bound) for years in ages}
        return is_so(found.pop()) if len(found) == 1 else unknown(Reason.UNDATED)

    return every(bounded(atom.low_op, atom.low), bounded(atom.high_op, atom.high))


def completed(person: Person, born: int, unit: str) -> int:
    days = person.on - born
    if unit in ("d", "wk"):
        return days if unit == "d" else days // 7
    birth = EPOCH + timedelta(days=born)
    months = (person.today.year - birth.year) * 12 + person.today.month - birth.month
    if person.today.day < birth.day:
        months -= 1
    return months // 12 if unit == "a" else months
