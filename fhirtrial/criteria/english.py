"""Tree → canonical English: the same words for the same node, and every field of every node said.

`english` gives one sentence, or a nested list where the tree branches; `reading` makes the same tree of it again.
`sentence` puts the same on one line, for tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple, assert_never

from fhirtrial.criteria.tree import (
    Age,
    All,
    Allergy,
    Any,
    AtLeast,
    Atom,
    Attestation,
    Change,
    ClassificationCriteria,
    Condition,
    DataAvailability,
    Def,
    Defect,
    Dose,
    Encounter,
    Except,
    Expected,
    Finding,
    If,
    Immunization,
    Measurement,
    Medication,
    Node,
    Not,
    NotComputable,
    Offset,
    Ordinal,
    OtherExperiencer,
    Procedure,
    Reproductive,
    Residue,
    Result,
    Sex,
    TreatmentState,
    Window,
)
from fhirtrial.criteria.wording import (
    ALLERGY,
    ANCHORS,
    SELECT,
    SETTINGS,
    STATES,
    UNITS,
    bracketed_text,
    first_name,
    leading_text,
    line_text,
    listed_name,
    name,
    plain,
    quoted,
    word,
)

Label = Callable[[str], str]

_NOW = Offset(value=0, unit="d")


class _Group(NamedTuple):
    head: str
    parts: tuple[str | _Group, ...]


def english(node: Node, label: Label = plain) -> str:
    """The node in words, a nested list where it branches.

    >>> english(Measurement(concept="creatine-kinase", op="<=", value=1.5, of="uln"))
    'creatine kinase (latest) <= 1.5 × ULN'
    """
    return "\n".join(_lines(_say(node, label), ""))


def sentence(node: Node, label: Label = plain) -> str:
    """The node in words on one line, branches in square brackets."""
    return _line(_say(node, label))


def window_text(window: Window) -> str:
    """A window in words, as criteria write it where they can."""
    anchor = ANCHORS.get(window.anchor, plain(window.anchor))
    start, end = window.start, window.end
    if start is None and end is None:
        return f"at any time, also after {anchor}"
    if start is None and end is not None:
        return f"any time up to {_moment(end, anchor)}"
    if end is None and start is not None:
        return f"from {_moment(start, anchor)} on"
    if start is not None and end is not None:
        if start == end == _NOW:
            return f"on the day of {anchor}"
        if end == _NOW and start.value < 0:
            return f"within {offset_text(start)} before {anchor}"
        if start == _NOW and end.value > 0:
            return f"within {offset_text(end)} after {anchor}"
        return f"from {_moment(start, anchor)} to {_moment(end, anchor)}"
    raise AssertionError(window)


def offset_text(offset: Offset) -> str:
    """The length of an offset, without its direction: "24 weeks"."""
    return _length(Offset(value=abs(offset.value), unit=offset.unit))


def _length(offset: Offset) -> str:
    unit = UNITS[offset.unit]
    plural = "half-lives" if unit == "half-life" else f"{unit}s"
    return f"{_number(offset.value)} {unit if offset.value == 1 else plural}"


def _lines(said: str | _Group, indent: str) -> list[str]:
    if isinstance(said, str):
        return [said]
    lines = [f"{said.head}:"]
    for part in said.parts:
        first, *rest = _lines(part, indent + "  ")
        lines += [f"{indent}- {first}", *rest]
    return lines


def _line(said: str | _Group) -> str:
    if isinstance(said, str):
        return said
    return f"{said.head} [{'; '.join(_line(part) for part in said.parts)}]"


def _say(node: Node, label: Label) -> str | _Group:
    match node:
        case All(nodes=nodes):
            return _Group("all of", tuple(_say(n, label) for n in nodes))
        case Any(nodes=nodes):
            return _Group("any of", tuple(_say(n, label) for n in nodes))
        case AtLeast(k=k, nodes=nodes):
            return _Group(f"at least {k} of", tuple(_say(n, label) for n in nodes))
        case Not(node=inner):
            return _prefixed("not", _say(inner, label))
        case If(condition=condition, then=then):
            return _Group("if the first holds, the second", (_say(condition, label), _say(then, label)))
        case Except(base=base, unless=unless):
            return _Group("the first, except the second", (_say(base, label), _say(unless, label)))
        case Def(term=term, body=body):
            return _prefixed(f"{quoted(term)} means", _say(body, label))
        case _:
            return _atom(node, label)


def _prefixed(words: str, said: str | _Group) -> str | _Group:
    if isinstance(said, str):
        return f"{words}: {said}"
    return _Group(f"{words}: {said.head}", said.parts)


def _atom(atom: Atom, label: Label) -> str:
    match atom:
        case Age():
            return _age(atom)
        case Sex(value=value):
            return f"{value} sex"
        case Condition():
            course = f"{atom.course} course" if atom.course else None
            severity = f"at least {atom.severity}" if atom.severity else None
            stage = f"stage {bracketed_text(atom.stage)}" if atom.stage is not None else None
            named = "diagnosis of " + _named(atom, label)
            return _with(named, atom.when, course, severity, stage, _window(atom.window))
        case Measurement():
            return _measurement(atom, label)
        case Ordinal():
            named = _with(first_name(label(atom.concept)), "latest", _window(atom.window))
            return f"{named} {atom.op} {leading_text(atom.label)} (rank {atom.rank})"
        case Result():
            named = _with(first_name(label(atom.concept)), SELECT[atom.select], _window(atom.window))
            return f"{named} {atom.result}"
        case Change():
            amount = f"{_number(atom.amount)} {word(atom.unit)}" + (" of the earlier value" if atom.relative else "")
            within = f"two results at most {_length(atom.within)} apart" if atom.within else None
            named = _with(first_name(label(atom.concept)), within, _window(atom.window))
            return f"{named} {atom.direction} {atom.op} {amount}"
        case Medication():
            return _medication(atom, label)
        case Procedure():
            return _with("procedure " + _named(atom, label), _window(atom.window) or "ever")
        case Encounter():
            reason = f" for {name(label(atom.reason))}" if atom.reason else ""
            return _with(SETTINGS[atom.setting] + reason, _window(atom.window) or "ever")
        case Allergy():
            return f"{ALLERGY[atom.mechanism]} {name(label(atom.concept))}"
        case Immunization():
            return _with(f"immunization with {name(label(atom.concept))}", _window(atom.window) or "ever")
        case Reproductive(state=state):
            return STATES[state]
        case Finding():
            return _with(
                f"{first_name(label(atom.finding))} found by {name(label(atom.modality))}", _window(atom.window)
            )
        case _:
            return _asked(atom, label)


def _asked(
    atom: DataAvailability
    | OtherExperiencer
    | ClassificationCriteria
    | Attestation
    | TreatmentState
    | Expected
    | Residue
    | NotComputable
    | Defect,
    label: Label,
) -> str:
    match atom:
        case DataAvailability():
            held = f"any result of {name(label(atom.concept))}" if atom.concept else None
            return _with(f"data at hand: {leading_text(atom.text)}", held, _window(atom.window))
        case OtherExperiencer():
            held = f"family history of {name(label(atom.condition))}" if atom.condition else None
            return _with(f"{atom.who}: {leading_text(atom.text)}", held)
        case ClassificationCriteria():
            year = f"of {atom.year}" if atom.year is not None else None
            return _with(f"meets the {_set_name(atom.name)} for {name(label(atom.target))}", year)
        case Attestation():
            return _with(f"a person says ({atom.topic}): {leading_text(atom.text)}", _period(atom.period))
        case TreatmentState():
            about = f"of {name(label(atom.concept))}" if atom.concept else None
            return _with(f"state of treatment ({atom.state}): {leading_text(atom.text)}", about)
        case Expected():
            about = f"of {name(label(atom.concept))}" if atom.concept else None
            return _with(f"planned or expected: {leading_text(atom.text)}", about, _window(atom.window))
        case Residue():
            return f"a person confirms ({_reason(atom.reason)}): {line_text(atom.text)}"
        case NotComputable():
            return f"not computable ({_reason(atom.reason)}): {line_text(atom.text)}"
        case Defect():
            return f"defect of the source ({_reason(atom.code)}): {line_text(atom.text)}"
    assert_never(atom)


def _age(atom: Age) -> str:
    bounds = [
        f"{op} {_number(value)} {UNITS[atom.unit]}s"
        for op, value in ((atom.low_op, atom.low), (atom.high_op, atom.high))
        if value is not None
    ]
    return "age " + " and ".join(bounds)


def _measurement(atom: Measurement, label: Label) -> str:
    ratio = f" / {name(label(atom.over))}" if atom.over else ""
    count = f"at least {atom.count} results" if atom.count > 1 else None
    scale = f"on a scale up to {_number(atom.scale_max)}" if atom.scale_max is not None else None
    named = _with(first_name(label(atom.concept)) + ratio, SELECT[atom.select], count, scale, _window(atom.window))
    limit = "" if atom.of == "absolute" else f" × {atom.of.upper()}"
    unit = f" {word(atom.unit)}" if atom.unit is not None else ""
    return f"{named} {atom.op} {_number(atom.value)}{limit}{unit}"


def _medication(atom: Medication, label: Label) -> str:
    return _with(
        "treatment with " + _named(atom, label),
        atom.when,
        f"{atom.route} route" if atom.route else None,
        f"for {name(label(atom.indication))}" if atom.indication else None,
        _dose(atom.dose, label) if atom.dose else None,
        f"for at least {_length(atom.min_duration)}" if atom.min_duration else None,
        f"at least {atom.distinct} different drugs" if atom.distinct > 1 else None,
        f"outcome {atom.outcome}" if atom.outcome else None,
        _window(atom.window),
    )


def _dose(dose: Dose, label: Label) -> str:
    equivalent = f" as {name(label(dose.equivalent))}" if dose.equivalent else ""
    return f"dose {dose.op} {_number(dose.value)} {dose.unit}{equivalent}"


def _named(atom: Condition | Medication | Procedure, label: Label) -> str:
    also = " and ".join(listed_name(label(c)) for c in atom.also)
    unless = " or ".join(listed_name(label(c)) for c in atom.unless)
    words = name(label(atom.concept))
    return words + (f" that is also {also}" if also else "") + (f" other than {unless}" if unless else "")


def _set_name(words: str) -> str:
    return quoted(words) if re.search(r"\bfor\b", words) else leading_text(words)


def _period(period: str | None) -> str | None:
    return None if period is None else bracketed_text(period)


def _with(words: str, *qualifiers: str | None) -> str:
    said = [q for q in qualifiers if q is not None]
    return f"{words} ({'; '.join(said)})" if said else words


def _reason(code: str) -> str:
    return code.replace("_", " ")


def _window(window: Window | None) -> str | None:
    return window_text(window) if window else None


def _moment(offset: Offset, anchor: str) -> str:
    if offset == _NOW:
        return anchor
    return f"{offset_text(offset)} {'before' if offset.value < 0 else 'after'} {anchor}"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
