"""Medications: some exposure to the drug or class with the asked route, reason, dose and length, at the asked time."""

from __future__ import annotations

from fhirtrial.criteria.tree import Medication, Offset
from fhirtrial.expressions.cql import windows
from fhirtrial.expressions.cql.atoms.doses import Dosing, daily_dose
from fhirtrial.expressions.cql.atoms.ingredients import drugs_of
from fhirtrial.expressions.cql.atoms.phrases import NO_ANCHOR, absence, assumed, conjunction, none_of
from fhirtrial.expressions.cql.atoms.routes import by_route, recorded_route
from fhirtrial.expressions.cql.concepts import complete, heads
from fhirtrial.expressions.cql.families import family_list
from fhirtrial.expressions.cql.names import UNKNOWN, name
from fhirtrial.expressions.cql.piece import Helper, Piece
from fhirtrial.expressions.cql.windows import Span
from fhirtrial.terminology import Terminology, medicines

_PARTS = frozenset({"truth", "dates", "codes", "references", "medications"})
_PERIOD = "F.startLow, F.startHigh, F.endLow, F.endHigh"


def medication(atom: Medication, terminology: Terminology) -> Piece:
    default = windows.AT if atom.when == "current" else windows.UNTIL
    half_lives = atom.window is not None and windows.in_half_lives(atom.window)
    span = default if atom.window is None else windows.wholly(atom.window)
    if span is None:
        return Piece.unknown(NO_ANCHOR)
    route, route_helpers = by_route(atom.concept, atom.route, terminology) if atom.route else ("", ())
    dosing = daily_dose(atom.dose, atom.concept, terminology) if atom.dose else Dosing()
    apart = conjunction(
        "F.named",
        "F.standing",
        _in_half_lives(atom, span, terminology) if half_lives else f'"Lasts"(F.course, {_PERIOD}, {span.days})',
        # What is on hold, or over without saying since when, is not current.
        "not (F.course = 'paused' or F.course = 'over' and F.endHigh = \"Ceiling\")" if atom.when == "current" else "",
        none_of(atom.unless),
        *(f'"Is or was"(F.keys, F.words, {name(other)})' for other in atom.also),
        route,
        _indicated(atom.indication, terminology) if atom.indication else "",
        _lasted(atom.min_duration) if atom.min_duration else "",
        # FHIR has no coded place that says a drug failed.
        UNKNOWN if atom.outcome else "",
    )
    families = family_list(atom)
    absent = absence("medication", atom.concept, families, "Medication systems", span.first, terminology)
    absent = f'if "Medication lost" then {UNKNOWN} else {absent}'
    drugs = drugs_of(atom, terminology)
    facts = f'"Medications of"({name(atom.concept)})'
    if atom.distinct > 1:
        truth = f'"Several"(\n    {_rows(facts, apart, dosing, drugs)},\n    {atom.distinct},\n    {absent})'
    else:
        rows = _rows(facts, apart, dosing)
        if dosing.adds and drugs is not None:
            rows = f"flatten {{\n    {rows},\n    {_together(facts, apart, dosing, drugs)} }}"
        truth = f'"Taken"(\n    {rows},\n    {_not_taken(atom, terminology)},\n    {absent})'
    named = {atom.concept, *atom.unless, *atom.also, *((atom.indication,) if atom.indication else ())}
    named |= {*_with_half_life(atom, terminology)} if half_lives else set()
    counted = (drugs,) if drugs is not None and (atom.distinct > 1 or dosing.adds) else ()
    return Piece(
        assumed(truth, families, holds=span.assumed),
        f"exists {facts}",
        parts=_PARTS | dosing.parts,
        concepts=frozenset(named) | dosing.concepts,
        helpers=(*recorded_route(), *route_helpers, *dosing.helpers, *counted),
    )


def _rows(facts: str, apart: str, dosing: Dosing, drugs: Helper | None = None) -> str:
    told = f"drugs: {drugs.name}(F.keys, F.route)" if drugs else 'on: "Told on"(F.startHigh, F.written)'
    grade = conjunction(apart, dosing.truth)
    return (
        f'(({facts}) F{dosing.let}\n      return all {{\n        grade: "Grade"(\n          {grade}),\n'
        f"        ordered: F.ordered, {told} }})"
    )


def _together(facts: str, apart: str, dosing: Dosing, drugs: Helper) -> str:
    """Where different drugs of the class, taken at once, reach the bound, each of them does."""
    return (
        f'"Together"((({facts}) F{dosing.let}\n      where {apart}\n'
        "          and low is not null and high is not null\n"
        f"      return all {{\n        drugs: {drugs.name}(F.keys, F.route), ordered: F.ordered,\n"
        '        on: "Told on"(F.startHigh, F.written), low: low, high: high, startLow: F.startLow,\n'
        "        startHigh: F.startHigh, endLow: F.endLow, endHigh: F.endHigh }),\n"
        f"      {dosing.bound})"
    )


def _indicated(concept: str, terminology: Terminology) -> str:
    return f'"Given for"(F.reasons, F.reasonWords, {complete(concept, terminology)}, {name(concept)})'


def _not_taken(atom: Medication, terminology: Terminology) -> str:
    """Statements that the drug is not being taken at the index date; they deny current use only."""
    if atom.when != "current" or atom.window is not None:
        return "List<Date> { }"
    return (
        '("Medications" F\n      where F.statement and F.standing is false '
        f'and "Any of"(F.medicine.keys, {heads(atom.concept, terminology)})\n'
        f'        and F.startLow <= IndexDate and "Overlaps"({_PERIOD}, {windows.AT.days})\n'
        '      return all "Denied on"(F.startHigh, F.written))'
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


def _in_half_lives(atom: Medication, whole: Span, terminology: Terminology) -> str:
    """A window in half-lives is each drug's own, by the half-life of the ingredient that the fact names.

    Without a half-life, what is taken at the window's end is inside, and what began after it is not.
    """
    tests = []
    for member in _with_half_life(atom, terminology):
        half_life = medicines.half_life_hours(member)
        spans = windows.by_half_life(atom.window, half_life) if atom.window and half_life else None
        if spans is None:
            continue
        sure, possible = (f'"Lasts"(F.course, {_PERIOD}, {span.days})' for span in spans)
        test = f"if {sure} then true else if {possible} is false then false else {UNKNOWN}"
        mine = f'not ("Named by route"(F.keys, F.words, null as String, {name(member)}) is false)'
        tests.append(f"when {mine} then ({test})")
    last = f'"Lasts"(F.course, {_PERIOD}, {whole.last}, {whole.last})'
    began_after = f"F.startLow > {whole.last}"
    other = f"(if {last} then true else if {began_after} then false else {UNKNOWN})"
    return f"(case {' '.join(tests)} else {other} end)" if tests else other


def _with_half_life(atom: Medication, terminology: Terminology) -> list[str]:
    """The last member that a fact names speaks for it."""
    return [m for m in reversed(terminology.members(atom.concept)) if medicines.half_life_hours(m) is not None]
