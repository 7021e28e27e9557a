"""One line of canonical English → its atom: how the line begins says which; `english` has the same words in order.

Qualifiers in round brackets may come in any order, each once; one that the atom does not know is a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from fhirtrial.criteria.reading.line import NUMBER, OPS, Line, Misread, shown
from fhirtrial.criteria.reading.windows import read_window
from fhirtrial.criteria.tree import (
    Age,
    Allergy,
    Atom,
    Attestation,
    Change,
    ClassificationCriteria,
    Condition,
    DataAvailability,
    Defect,
    Dose,
    Encounter,
    Expected,
    Finding,
    Immunization,
    Measurement,
    Medication,
    NotComputable,
    Ordinal,
    OtherExperiencer,
    Procedure,
    Reproductive,
    Residue,
    Result,
    Route,
    Sex,
    TreatmentState,
)
from fhirtrial.criteria.wording import ALLERGY, SELECT, SETTINGS, STATES, UNITS

Reader = Callable[[Line], Any]
Fields = dict[str, Any]

_ALSO, _OTHER = " that is also ", " other than "
_MEMBER_ENDS = re.compile(r'[";]|(?<=\s)(?:\(|(?:that is also|other than|and|or)(?=\s|$))')
_FOR = re.compile(r"\s(?=for\s)|(?<=\s)\(")
_WHOLE = re.compile(r"$")


def _choices(kind: type[Atom], field: str) -> dict[str, str]:
    """The values that a field may have, as `english` says them: with a space for each underscore."""
    options = get_args(kind.model_fields[field].annotation)
    flat = [o for option in options for o in (get_args(option) or (option,)) if isinstance(o, str)]
    return {value: value.replace("_", " ") for value in flat}


def _choice(kind: type[Atom], field: str, after: str = "", before: str = "") -> Reader:
    choices = {key: f"{before}{words}{after}" for key, words in _choices(kind, field).items()}
    return lambda part: part.one_of(choices, field)


def _after(words: str, read: Reader) -> Reader:
    def found(part: Line) -> Any:
        if not part.take(words):
            part.fail(f'"{words}"')
        return read(part)

    return found


def _concept(part: Line) -> str:
    return part.concept(_WHOLE)


def _text(part: Line) -> str:
    return part.text_to_end()


def _count(after: str) -> Reader:
    def found(part: Line) -> int:
        number = part.match(r"at least (\d+)") or part.fail("at least and a whole number")
        if not part.take(after):
            part.fail(f'"{after}"')
        return int(number[1])

    return found


def _length_between(before: str, after: str = "") -> Reader:
    def found(part: Line) -> Any:
        length = part.length() if part.take(before) else part.fail(f'"{before}"')
        if not part.take(after):
            part.fail(f'"{after}"')
        return length

    return found


def _dose(part: Line) -> Dose:
    if not part.take("dose "):
        part.fail('"dose "')
    op = part.op()
    part.space()
    value = part.number()
    part.space()
    unit = part.one_of({u: u for u in get_args(Dose.model_fields["unit"].annotation)}, "a unit of daily dose")
    equivalent = _concept(part) if part.take(" as ") else None
    return Dose.model_validate({"op": op, "value": value, "unit": unit, "equivalent": equivalent})


_WINDOW = ("window", r"any time|at any time|within |from |on the day", read_window)
_EVER = ("", r"ever$", lambda part: part.take("ever"))
# Of each atom, its qualifiers: the field, how its words begin, and what reads them.
_Qualifiers = tuple[tuple[str, str, Reader], ...]
_CONDITION: _Qualifiers = (
    ("when", r"\w+$", _choice(Condition, "when")),
    ("stage", r"stage ", _after("stage ", _text)),
    ("severity", r"at least ", _choice(Condition, "severity", before="at least ")),
    _WINDOW,
    ("course", r"\w+ course$", _choice(Condition, "course", after=" course")),
)
_MEDICATION: _Qualifiers = (
    ("when", r"\w+$", _choice(Medication, "when")),
    ("min_duration", r"for at least ", _length_between("for at least ")),
    ("indication", r"for ", _after("for ", _concept)),
    ("dose", r"dose ", _dose),
    ("distinct", r"at least ", _count(" different drugs")),
    ("outcome", r"outcome ", _choice(Medication, "outcome", before="outcome ")),
    _WINDOW,
    ("route", r"\w+ route$", lambda part: part.one_of({r: f"{r} route" for r in get_args(Route)}, "a route")),
)
_MEASUREMENT: _Qualifiers = (
    ("select", r"(latest|any|every one|lowest|highest)$", lambda part: part.one_of(SELECT, "which results")),
    ("count", r"at least ", _count(" results")),
    ("scale_max", r"on a scale", _after("on a scale up to ", Line.number)),
    ("within", r"two results", _length_between("two results at most ", " apart")),
    _WINDOW,
)
_WINDOWED: _Qualifiers = (_WINDOW, _EVER)
_YEAR = ("year", r"of \d+$", _after("of ", lambda part: int(part.match(r"\d+")[0])))  # type: ignore[index]
_OF = ("concept", r"of ", _after("of ", _concept))
_HELD = ("concept", r"any result of ", _after("any result of ", _concept))
_FAMILY = ("condition", r"family history of ", _after("family history of ", _concept))


def read_atom(line: Line) -> Atom:
    """The atom that the rest of the line says; Misread, or pydantic's error, tells what is wrong."""
    for opening, read in _OPENINGS:
        found = line.match(opening)
        if found:
            atom = read(line, found)
            break
    else:
        atom = _compared(line)
    line.end()
    return atom


def _qualified(line: Line, known: _Qualifiers, needed: str = "") -> Fields:
    fields: Fields = {}
    start = line.at
    for part in line.qualifiers():
        fitting = next(((field, read) for field, begins, read in known if re.match(begins, part.text)), None)
        if fitting is None:
            part.fail("a qualifier that fits here")
        field, read = fitting
        if field in fields:
            part.fail("each qualifier once")
        fields[field] = read(part)
        part.end()
    if needed and not {*needed.split("|")} & fields.keys():
        line.fail(_NEEDED[needed], start)
    if {"", "window"} <= fields.keys():
        line.fail("either (ever) or a window", start)
    fields.pop("", None)
    return fields


_NEEDED = {
    "when": "in round brackets, when: (ever), (active) or the like",
    "|window": 'in round brackets, when: (ever), or a window such as "within 3 months before screening"',
}


def _named(line: Line, fields: Callable[[], Fields]) -> Fields:
    named: Fields = {"concept": line.concept()}
    if line.take(_ALSO):
        named["also"] = _members(line, " and ")
    if line.take(_OTHER):
        named["unless"] = _members(line, " or ")
    return named | fields()


def _members(line: Line, join: str) -> tuple[str, ...]:
    found = [line.concept(_MEMBER_ENDS)]
    while line.take(join):
        found.append(line.concept(_MEMBER_ENDS))
    return tuple(found)


def _age(line: Line, _: re.Match[str]) -> Atom:
    fields: Fields = {}
    units = {key: words for key, words in UNITS.items() if key in {"a", "mo", "wk", "d"}}
    while True:
        start = line.at
        op = line.op()
        side = "low" if op[0] == ">" else "high" if op[0] == "<" else line.fail("one of < <= > >=", start)
        line.space()
        if side in fields:
            line.fail("one lower and one upper bound", start)
        fields |= {side: line.number(), f"{side}_op": op}
        line.space()
        unit = line.one_of({k: f"{w}s" for k, w in units.items()} | {f"{k} ": w for k, w in units.items()}, "a unit")
        if fields.setdefault("unit", unit.strip()) != unit.strip():
            line.fail("both bounds in the same unit", start)
        if not line.take(" and "):
            return Age.model_validate(fields)


def _compared(line: Line) -> Atom:
    """An atom that begins with a concept: what follows the concept says which it is."""
    start = line.at
    concept = line.concept()
    if line.take(" found by "):
        return Finding(finding=concept, modality=line.concept(), **_qualified(line, (_WINDOW,)))
    over = line.concept() if line.take(" / ") else None
    named = line.at
    fields = _qualified(line, _MEASUREMENT)
    if change := line.match(rf" (increase|decrease) (?={OPS})"):
        return _change(line, concept, change[1], fields)
    bare = line.at == named
    if not line.take(" ") or "within" in fields:
        line.fail("a comparison, such as <= 1.5 mg/dL, or a result, such as positive", named if over else start)
    if "select" not in fields:
        raise Misread(
            line.offset + (line.at if bare else named),
            shown(line.text[named:].strip()),
            "in round brackets, which results: (latest), (any)",
        )
    if over is None and (result := line.match("|".join(_choices(Result, "result")))):
        return Result.model_validate({"concept": concept, "result": result[0], **fields})
    op = line.op()
    line.space()
    if not line.match(rf"(?={NUMBER}(?: (?:× |[^\s(]+$|\")|$))") and "(rank " in line.rest:
        return _ordinal(line, concept, op, fields)
    fields |= {"concept": concept, "op": op, "value": line.number(), "over": over}
    if limit := line.match(r" × (ULN|LLN)"):
        fields["of"] = limit[1].lower()
    if line.take(" "):
        fields["unit"] = _unit(line)
    return Measurement.model_validate(fields)


def _ordinal(line: Line, concept: str, op: str, fields: Fields) -> Atom:
    label = line.text_before_brackets("a class")
    rank = line.match(r" \(rank (\d+)\)") or line.fail("the rank of the class, such as (rank 3)")
    if fields.pop("select") != "latest":
        line.fail("(latest): of a class, the latest result decides", 0)
    return Ordinal.model_validate({"concept": concept, "op": op, "label": label, "rank": int(rank[1]), **fields})


def _change(line: Line, concept: str, direction: str, fields: Fields) -> Atom:
    fields |= {"concept": concept, "direction": direction, "op": line.op()}
    line.space()
    fields["amount"] = line.number()
    line.space()
    fields["unit"] = _unit(line)
    fields["relative"] = line.take(" of the earlier value")
    return Change.model_validate(fields)


def _unit(line: Line) -> str:
    return line.words(re.compile(r"\s"), "a unit")


def _encounter(line: Line, found: re.Match[str]) -> Atom:
    setting = next(key for key, words in SETTINGS.items() if words == found[0])
    reason = line.concept() if line.take(" for ") else None
    return Encounter.model_validate(
        {"setting": setting, "reason": reason, **_qualified(line, _WINDOWED, "|window")},
    )


def _allergy(line: Line, found: re.Match[str]) -> Atom:
    mechanism = next(key for key, words in ALLERGY.items() if f"{words} " == found[0])
    return Allergy.model_validate({"mechanism": mechanism, "concept": line.concept()})


def _classification(line: Line, _: re.Match[str]) -> Atom:
    name = line.words(_FOR, "the name of a set of criteria")
    target = line.concept() if line.take(" for ") else line.fail('"for" and a concept')
    return ClassificationCriteria(name=name, target=target, **_qualified(line, (_YEAR,)))


def _asked(kind: type[Atom], field: str, qualifiers: _Qualifiers = ()) -> Callable[[Line, re.Match[str]], Atom]:
    """An atom of a code in brackets or before a colon, then words."""
    choices = _choices(kind, field)

    def read(line: Line, found: re.Match[str]) -> Atom:
        code = next((key for key, words in choices.items() if words == found[1]), None)
        if code is None:
            line.fail(f"one of {', '.join(choices.values())}", found.start(1))
        if not qualifiers:
            return kind.model_validate({field: code, "text": line.text_to_end()})
        text = line.text_before_brackets()
        return kind.model_validate({field: code, "text": text, **_qualified(line, qualifiers)})

    return read


def _worded(kind: type[Atom], qualifiers: _Qualifiers) -> Callable[[Line, re.Match[str]], Atom]:
    def read(line: Line, _: re.Match[str]) -> Atom:
        return kind.model_validate({"text": line.text_before_brackets(), **_qualified(line, qualifiers)})

    return read


def _fixed(values: Mapping[str, str], kind: type[Atom], field: str) -> Callable[[Line, re.Match[str]], Atom]:
    def read(_: Line, found: re.Match[str]) -> Atom:
        return kind.model_validate({field: next(key for key, words in values.items() if words == found[0])})

    return read


_PERIOD = ("period", r"", _text)
_OPENINGS: tuple[tuple[str, Callable[[Line, re.Match[str]], Atom]], ...] = (
    (rf"age (?={OPS})", _age),
    (r"(fe)?male sex(?=$)", _fixed({"male": "male sex", "female": "female sex"}, Sex, "value")),
    (
        r"diagnosis of ",
        lambda line, _: Condition(**_named(line, lambda: _qualified(line, _CONDITION, "when"))),
    ),
    (
        r"treatment with ",
        lambda line, _: Medication(**_named(line, lambda: _qualified(line, _MEDICATION, "when"))),
    ),
    (r"procedure ", lambda line, _: Procedure(**_named(line, lambda: _qualified(line, _WINDOWED, "|window")))),
    (r"allergy to or intolerance of |allergy to |intolerance of ", _allergy),
    (
        r"immunization with ",
        lambda line, _: Immunization(concept=line.concept(), **_qualified(line, _WINDOWED, "|window")),
    ),
    (rf"({'|'.join(STATES.values())})(?=$)", _fixed(STATES, Reproductive, "state")),
    ("|".join(SETTINGS.values()), _encounter),
    (r"data at hand: ", _worded(DataAvailability, (_HELD, _WINDOW))),
    (r"(partner|family|household): ", _asked(OtherExperiencer, "who", (_FAMILY,))),
    (r"meets the ", _classification),
    (r"a person says \(([^)]*)\): ", _asked(Attestation, "topic", (_PERIOD,))),
    (r"state of treatment \(([^)]*)\): ", _asked(TreatmentState, "state", (_OF,))),
    (r"planned or expected: ", _worded(Expected, (_OF, _WINDOW))),
    (r"a person confirms \(([^)]*)\): ", _asked(Residue, "reason")),
    (r"not computable \(([^)]*)\): ", _asked(NotComputable, "reason")),
    (r"defect of the source \(([^)]*)\): ", _asked(Defect, "code")),
)
