"""Medications: some exposure to the drug or class with the asked route, reason, dose and length, at the asked time."""

from __future__ import annotations

from fhirtrial.criteria.tree import Medication, Offset
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.doses import daily_dose
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, absence, assumed, conjunction, none_of
from fhirtrial.expressions.cql.atoms.routes import by_route, recorded_route
from fhirtrial.expressions.cql.names import UNKNOWN, key, name, strings
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.terminology import Terminology, medicines

_PARTS = frozenset({"truth", "dates", "codes", "references", "medications"})
_PERIOD = "F.startLow, F.startHigh, F.endLow, F.endHigh"


def medication(atom: Medication, terminology: Terminology) -> Piece:
    if atom.distinct > 1:
        return _several(atom, terminology)
    default = windows.AT if atom.when == "current" else windows.UNTIL
    half_lives = atom.window is not None and windows.in_half_lives(atom.window)
    span = default if atom.window is None or half_lives else windows.resolved(atom.window)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    route, route_helpers = by_route(atom.concept, atom.route, terminology) if atom.route else ("", ())
    dose = daily_dose(atom.dose, atom.concept, terminology) if atom.dose else Piece("")
    grade = conjunction(
        "F.named",
        "F.standing",
        _in_half_lives(atom, terminology) if half_lives else f'"Overlaps"({_PERIOD}, {span.days})',
        "F.course != 'paused'" if atom.when == "current" else "",
        none_of(atom.unless),
        *(f'"Is or was"(F.keys, F.words, {name(other)})' for other in atom.also),
        route,
        f'"Given for"(F.reasons, F.reasonWords, {name(atom.indication)})' if atom.indication else "",
        _lasted(atom.min_duration) if atom.min_duration else "",
        dose.truth,
        # FHIR has no coded place that says a drug failed.
        UNKNOWN if atom.outcome else "",
    )
    facts = f'"Medications of"({name(atom.concept)})'
    absent = absence("medication", atom.concept, "medications", "Medication systems", terminology)
    absent = f'if "Medication lost" then {UNKNOWN} else {absent}'
    graded = f'"Grade"(\n          {grade})'
    rows = f'(({facts}) F\n      return all {{ grade: {graded}, on: "Told on"(F.startHigh, F.written) }})'
    truth = f'"Judged"(\n    {rows},\n    {_not_taken(atom)},\n    {absent})'
    named = {atom.concept, *atom.unless, *atom.also, *((atom.indication,) if atom.indication else ())}
    return Piece(
        assumed(truth, "medications", holds=span.assumed),
        f"exists {facts}",
        parts=_PARTS | dose.parts,
        concepts=frozenset(named) | dose.concepts,
        helpers=(*recorded_route(), *route_helpers, *dose.helpers),
    )


def _several(atom: Medication, terminology: Terminology) -> Piece:
    """Different drugs of a class: so many of its members, each asked for on its own."""
    single = atom.model_copy(update={"distinct": 1})
    members = terminology.concept(atom.concept).members
    if len(members) < atom.distinct:
        return medication(single, terminology)
    each = [medication(single.model_copy(update={"concept": member}), terminology) for member in members]
    grades = ",\n    ".join(f'"Grade"({piece.truth})' for piece in each)
    return Piece(
        f'"At least"({atom.distinct}, {{\n    {grades} }})',
        " or ".join(piece.present for piece in each),
        parts=frozenset().union(*(p.parts for p in each)),
        concepts=frozenset().union(*(p.concepts for p in each)),
        helpers=tuple(h for p in each for h in p.helpers),
    )


def _not_taken(atom: Medication) -> str:
    """Statements that the drug is not being taken at the index date; they deny current use only."""
    if atom.when != "current" or atom.window is not None:
        return "List<Date> { }"
    return (
        f'(("Medications of"({name(atom.concept)})) F\n      where F.statement and F.standing is false '
        f'and F.named and "Overlaps"({_PERIOD}, {windows.AT.days})\n'
        '      return all "Told on"(F.startHigh, F.written))'
    )


def _lasted(needed: Offset) -> str:
    """One exposure that lasted so long by the index date, counted in calendar units from its start."""
    length = windows.length(needed)
    if length is None:
        return UNKNOWN
    return (
        f'(if F.startHigh < "Ceiling" and "Sooner"(F.endLow, IndexDate) >= F.startHigh + {length} then true\n'
        f'            else if F.startLow > "Floor" and "Sooner"(F.endHigh, IndexDate) < F.startLow + {length}\n'
        f"              then false else {UNKNOWN})"
    )


def _in_half_lives(atom: Medication, terminology: Terminology) -> str:
    """A window in half-lives is each drug's own, by the half-life of the ingredient that the fact's code names."""
    tests = []
    for member in terminology.members(atom.concept):
        half_life = medicines.half_life_hours(member)
        spans = windows.by_half_life(atom.window, half_life) if atom.window and half_life else None
        if spans is not None:
            sure, possible = (f'"Overlaps"({_PERIOD}, {span.days})' for span in spans)
            codes = strings(key(c.system, c.code) for c in terminology.value_set(member))
            test = f"if {sure} then true else if {possible} is false then false else {UNKNOWN}"
            tests.append(f'when "Any of"(F.keys, {codes}) then ({test})')
    return f"(case {' '.join(tests)} else {UNKNOWN} end)" if tests else UNKNOWN
