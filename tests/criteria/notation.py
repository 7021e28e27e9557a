"""A tree in the compact notation of the tables under tests/cases/seeds; written apart from the package's English.

Windows: `win=screening -60 d` reaches from there to the anchor, `..` names both ends, an open end is left empty.
What a person is asked is shown by its reason or topic, not by its words.
"""

from __future__ import annotations

from fhirtrial.criteria.tree import (
    Age,
    All,
    Allergy,
    Any,
    AtLeast,
    Attestation,
    Change,
    ClassificationCriteria,
    Condition,
    DataAvailability,
    Def,
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


def notation(node: Node) -> str:
    match node:
        case All(nodes=nodes):
            return f"All{_list(nodes)}"
        case Any(nodes=nodes):
            return f"Any{_list(nodes)}"
        case AtLeast(k=k, nodes=nodes):
            return f"AtLeast({k} of {len(nodes)}){_list(nodes)}"
        case Not(node=inner):
            return f"Not({notation(inner)})"
        case Except(base=base, unless=unless):
            return f"Except({notation(base)}, unless={notation(unless)})"
        case Def(term=term, body=body):
            return f"Def({term}: {notation(body)})"
        case Age(low=float(low), high=None):
            return f"Age({node.low_op}{low:g} {node.unit})"
        case Age(low=None, high=float(high)):
            return f"Age({node.high_op}{high:g} {node.unit})"
        case Age(low=float(low), high=float(high)):
            return f"Age({node.low_op}{low:g} {node.high_op}{high:g} {node.unit})"
        case If(condition=condition, then=then):
            return f"If({notation(condition)}, then={notation(then)})"
        case Sex(value=value):
            return f"Sex({value})"
        case Condition():
            when = node.when if node.when != "ever" else None
            return _call("Condition", node.concept, when, node.course, _win(node.window))
        case Measurement():
            over = f"/{node.over}" if node.over else ""
            of = f"×{node.of.upper()}" if node.of != "absolute" else f" {node.unit}"
            scale = f" of {node.scale_max:g}" if node.scale_max else ""
            return _call("Lab", f"{node.concept}{over} {node.op} {node.value:g}{of}{scale}", _win(node.window))
        case Ordinal():
            return f"Ordinal({node.concept} {node.op} {node.label} = {node.rank})"
        case Result():
            return _call("Result", node.concept, node.result, node.select if node.select != "latest" else None)
        case Change():
            amount = f"{node.op} {node.amount:g} {node.unit}"
            return _call("Change", f"{node.concept} {node.direction} {amount}", _win(node.window))
        case Medication():
            return _medication(node)
        case Procedure():
            return _call("Procedure", node.concept, _win(node.window))
        case Encounter():
            return _call("Encounter", node.setting, node.reason, _win(node.window))
        case Allergy():
            return _call("Allergy", node.concept, node.mechanism)
        case Immunization():
            return _call("Immunization", node.concept, _win(node.window))
        case Reproductive(state=state):
            return f"Reproductive({state})"
        case Finding():
            return _call("Finding", node.modality, node.finding, _win(node.window))
        case DataAvailability():
            return _call("Data", node.concept, _win(node.window))
        case OtherExperiencer(who=who):
            return f"Other({who})"
        case ClassificationCriteria():
            return _call("Classification", node.name, str(node.year) if node.year else None, node.target)
        case Attestation(topic=topic, period=period):
            return _call("Attestation", topic, period)
        case TreatmentState():
            return _call("TreatmentState", node.state, node.concept)
        case Expected():
            return _call("Expected", node.concept, _win(node.window))
        case Residue(reason=reason):
            return f"Residue({reason})"
        case NotComputable(reason=reason):
            return f"NotComputable({reason})"
    raise AssertionError(node)


def _medication(atom: Medication) -> str:
    dose = atom.dose
    return _call(
        "Medication",
        atom.concept,
        atom.route,
        f"for {atom.indication}" if atom.indication else None,
        f"{dose.op} {dose.value:g} {dose.unit}{f' as {dose.equivalent}' if dose.equivalent else ''}" if dose else None,
        f">= {_offset(atom.min_duration)}" if atom.min_duration else None,
        f"{atom.distinct} drugs" if atom.distinct > 1 else None,
        atom.outcome,
        _win(atom.window),
    )


def _call(name: str, *words: str | None) -> str:
    return f"{name}({', '.join(w for w in words if w)})"


def _list(nodes: tuple[Node, ...]) -> str:
    return f"[{', '.join(notation(n) for n in nodes)}]"


def _win(window: Window | None) -> str | None:
    if window is None:
        return None
    if window.end == Offset(value=0, unit="d"):
        return f"win={window.anchor} {_offset(window.start) if window.start else 'ever'}"
    start, end = (_offset(o) if o else "" for o in (window.start, window.end))
    return f"win={window.anchor} {start}..{end}"


def _offset(offset: Offset) -> str:
    return f"{offset.value:g} {offset.unit}"
