"""One name with its qualifiers → its atom; a qualifier that the atom has no field for is left for the residue."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.lexemes import Lasting, Lexeme, Named, Timed
from fhirtrial.criteria.text.present import is_present
from fhirtrial.criteria.text.values import MEASURED, bounded, dose_of, lasting_of, measured
from fhirtrial.criteria.tree import (
    All,
    Allergy,
    Any,
    Condition,
    Expected,
    Immunization,
    Measurement,
    Medication,
    Node,
    Offset,
    OtherExperiencer,
    Procedure,
    Reproductive,
    Result,
    Window,
)
from fhirtrial.terminology.medicines import prednisone_factor

ROUTES = ("oral", "intravenous", "subcutaneous", "intramuscular", "topical", "inhaled", "systemic")
_RESULTS = ("positive", "negative", "elevated", "decreased", "abnormal", "normal")
_AHEAD = re.compile(r"plan|sched|anticip|expect|intend|elective|await|candid|waiting")
# These put ahead only what follows them, and not what a window puts behind: "required ventilation within a year".
_AHEAD_OF = re.compile(r"undergo|requires|requiring|requirement|need|will|about|wish|want|desir|intention")
_WISHED = re.compile(r"plan|wish|want|desir|intend|intention|expect|anticip|about")
# What goes on for weeks may be under way: "undergoing dialysis" tells no future event.
_LONG = re.compile(r"dialysis|chemo|radio|radiation|therapy|treatment|ventilation|oxygen", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:no|not|non|without|free|never|absence|lack|nor|neither|remission)\b", re.IGNORECASE)
_STATES = {"pregnancy": "pregnant", "lactation": "lactating"}
# An event has a beginning that counts, where a state only has to overlap the window.
_EVENT = re.compile(
    r"infarction|stroke|embolism|h(?:a)?emorrhage|bleeding|thrombosis|unstable angina|acute|attack|fracture|arrest"
    r"|injury|trauma",
    re.IGNORECASE,
)


def chosen(job: Job, lexeme: Lexeme, *kinds: str) -> str | None:
    """The concept that a name means here: the likeliest one of these kinds, or of any."""
    if not isinstance(lexeme.value, Named):
        return None
    for name in lexeme.value.concepts:
        if not kinds or job.names.kinds[name] in kinds:
            return name
    return None


def kind_of(job: Job, lexeme: Lexeme) -> str | None:
    name = chosen(job, lexeme)
    return job.names.kinds[name] if name else None


def atom_of(
    job: Job,
    core: Lexeme,
    cues: dict[str, Lexeme],
    window: Lexeme | None,
    values: list[Lexeme],
    durations: list[Lexeme],
) -> Node | None:
    """The atom that `core` names; every lexeme that it carries is entered as encoded."""
    name = chosen(job, core)
    if name is None:
        return None
    timed = timed_by(job, window)
    when = timed.window if timed else None
    kind = job.names.kinds[name]
    measures = chosen(job, core, *MEASURED)
    lasting = measures is not None and not values and job.terminology.concept(measures).unit in {"mo", "wk", "d", "a"}
    if lasting and all(x.value.op != "=" for x in durations if isinstance(x.value, Lasting)):
        values = durations
    told = next((r for r in _RESULTS if core.text.startswith(f"{r} ")), None)
    if measures and (values or told or any(c in cues for c in _RESULTS)):
        node = _laboratory(job, measures, cues, values, when, told)
    elif kind == "condition":
        node = _of_other(job, core, name, cues) or _condition(job, core, name, cues, when, durations)
    elif kind == "medication":
        node = _medication(job, core, name, cues, when, values, durations)
    elif kind == "procedure":
        node = _procedure(job, core, name, cues, when)
    elif kind == "vaccine":
        planned = cues.get("planned") or cues.get("during-study")
        if planned:
            job.encode(planned)
            node = Expected(text=job.words(core.start, core.end), concept=name, window=_future(when))
        else:
            node = Immunization(concept=name, window=when)
    else:
        return None
    if isinstance(core.value, Named) and core.value.over is not None:
        if not isinstance(node, Measurement):
            return None
        node = node.model_copy(update={"over": core.value.over})
    if node is not None:
        job.encode(core)
        if timed and window is not None and not (isinstance(node, Reproductive)):
            job.encode(window)
    return node


def timed_by(job: Job, window: Lexeme | None) -> Timed | None:
    """The window, where it can be counted; "3 weeks before enrolment" excludes what lies within them."""
    if window is None or not isinstance(window.value, Timed):
        return None
    return window.value if window.value.anchored or (window.value.bare and job.exclusion) else None


def wished(cues: dict[str, Lexeme], core: Lexeme) -> Lexeme | None:
    """The words that put a pregnancy ahead: "planning to become pregnant", but not "pregnancy requiring care"."""
    planned = cues.get("planned")
    ahead = planned is not None and planned.start < core.start and _WISHED.match(planned.text) is not None
    return planned if ahead and "history" not in cues else None


def allergy_of(job: Job, core: Lexeme, cue: str) -> Node | None:
    name = chosen(job, core, "allergen") or chosen(job, core, "medication", "vaccine")
    if name is None:
        return None
    job.encode(core)
    mixed = "intoleran" in cue or "hyperreactiv" in cue
    mechanism = "any" if mixed and "allerg" in cue else "intolerance" if mixed else "allergy"
    return Allergy.model_validate({"concept": name, "mechanism": mechanism})


def _future(window: Window | None) -> Window | None:
    return window if window is not None and (window.end is None or window.end.value > 0) else None


def _laboratory(
    job: Job, name: str, cues: dict[str, Lexeme], values: list[Lexeme], window: Window | None, told: str | None
) -> Node | None:
    """`told` is the result that the name itself holds ("positive pregnancy test")."""
    if told is not None and not values and not any(c in cues for c in _RESULTS):
        return Result.model_validate({"concept": name, "result": told, "window": window})
    nodes: list[Node] = []
    for lexeme in values:
        value = bounded(lexeme).value
        node = measured(job.terminology, name, value, window)  # type: ignore[arg-type]
        if node is None:
            return None
        nodes.append(node)
    if values:
        job.encode(*values)
        return nodes[0] if len(nodes) == 1 else All(nodes=tuple(nodes))
    for result in _RESULTS:
        if result in cues:
            job.encode(cues[result])
            return Result.model_validate({"concept": name, "result": result, "window": window})
    return None


def _condition(
    job: Job, core: Lexeme, name: str, cues: dict[str, Lexeme], window: Window | None, durations: Sequence[Lexeme]
) -> Node:
    planned = wished(cues, core)
    if name == "pregnancy" and planned is not None and "negation" not in cues:
        job.encode(planned)
        return Expected(text=job.words(planned.start, max(planned.end, core.end)), concept=name, window=_future(window))
    if name in _STATES and window is None and "history" not in cues:
        if "active" in cues:
            job.encode(cues["active"])
        return Reproductive.model_validate({"state": _STATES[name]})
    fields: dict[str, object] = {"concept": name, "window": window}
    if window is not None and _EVENT.search(job.terminology.concept(name).label):
        fields["when"] = "onset"
    elif (
        "active" in cues or (is_present(cues) and window is None) or core.text.startswith(("active ", "current "))
    ) and "history" not in cues:
        fields["when"] = "active"
        if "active" in cues:
            job.encode(cues["active"])
    elif "active" in cues and "history" in cues:
        job.encode(cues["active"])
    lasting = durations[0].value if len(durations) == 1 else None
    beside = bool(durations) and 0 <= durations[0].start - core.end <= 1
    lasts = isinstance(lasting, Lasting) and lasting.op == ">=" and window is None and beside
    if isinstance(lasting, Lasting) and lasts and _DENIED.search(job.normal.text) is None:
        # What has lasted for three months was there three months ago.
        back = Offset(value=-lasting.length.value, unit=lasting.length.unit)
        fields |= {"window": Window(end=back), "when": "ever"}
        job.encode(*durations)
    for severity in ("mild", "moderate", "severe"):
        if severity in cues:
            fields["severity"] = severity
            job.encode(cues[severity])
            break
    courses = [c for c in ("acute", "chronic", "recurrent") if c in cues and not has_course(core)]
    if len(courses) == 1:
        fields["course"] = courses[0]
        job.encode(cues[courses[0]])
    elif set(courses) == {"acute", "chronic"}:
        job.encode(cues["acute"], cues["chronic"])
    return Condition.model_validate(fields)


def has_route(core: Lexeme) -> bool:
    """Whether the name says itself how the medicine is given: "inhaled steroids"."""
    return core.text.split()[0] in ROUTES


def has_course(core: Lexeme) -> bool:
    """Whether the name says itself how the condition goes: "chronic pancreatitis"."""
    return core.text.split()[0] in {"acute", "chronic", "recurrent"}


# Whose condition it is; a fetus, a donor or a carer is none of these, and a mother may be the patient.
_OTHERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"family|relative|sibling", re.IGNORECASE), "family"),
    (re.compile(r"partner|spouse", re.IGNORECASE), "partner"),
    (re.compile(r"household", re.IGNORECASE), "household"),
)


def _of_other(job: Job, core: Lexeme, name: str, cues: dict[str, Lexeme]) -> Node | None:
    """As in "family history of diabetes": a relative's condition, where nothing else qualifies it."""
    who = cues.get("experiencer")
    if who is None or cues.keys() - {"experiencer", "history", "same", "cause"} or who.start > core.start:
        return None
    if who.text.startswith("personal") or "personal" in who.text.split():
        job.encode(who)
        other = OtherExperiencer(who="family", text=job.words(who.start, core.end), condition=name)
        return Any(nodes=(Condition(concept=name), other))
    whose = next((whose for pattern, whose in _OTHERS if pattern.search(who.text)), None)
    if whose is None:
        return None
    job.encode(who)
    text = job.words(who.start, core.end)
    return OtherExperiencer.model_validate({"who": whose, "text": text, "condition": name})


def _medication(
    job: Job,
    core: Lexeme,
    name: str,
    cues: dict[str, Lexeme],
    window: Window | None,
    values: list[Lexeme],
    durations: list[Lexeme],
) -> Node:
    fields: dict[str, object] = {"concept": name, "window": window}
    if "active" in cues and "history" not in cues:
        # With a window, use now and use within it are both overlap with the window.
        if window is None:
            fields["when"] = "current"
        job.encode(cues["active"])
    if "using" in cues:
        job.encode(cues["using"])
    for route in ROUTES:
        if route in cues and not has_route(core):
            fields["route"] = route
            job.encode(cues[route])
            break
    for value in values:
        dose = dose_of(value.value, _equivalent(job, name))
        if dose is not None:
            fields["dose"] = dose
            job.encode(value)
            break
    for lexeme in (*durations, *values):
        lasting = lasting_of(lexeme)
        if lasting is not None and lasting.op == ">=":
            fields["min_duration"] = lasting.length
            job.encode(lexeme)
            break
    if "failed" in cues:
        job.encode(cues["failed"])
        failed = Medication.model_validate(fields | {"outcome": "failed"})
        asked = job.residue("judgement", cues["failed"].start, cues["failed"].end)
        return Any(nodes=(failed, All(nodes=(Medication.model_validate(fields), asked))))
    return Medication.model_validate(fields)


def _equivalent(job: Job, name: str) -> str | None:
    """A dose of a class is counted in the drug that its members have equivalents of."""
    members = [m for m in job.terminology.members(name) if m != name]
    return "prednisone" if members and any(prednisone_factor(m) is not None for m in members) else None


def _procedure(job: Job, core: Lexeme, name: str, cues: dict[str, Lexeme], window: Window | None) -> Node:
    planned = cues.get("planned")
    past_window = window is not None and _future(window) is None
    to_come = window is not None and window.start is not None and window.start.value >= 0 and not past_window
    if planned is None and (to_come or (core.text.startswith("planned ") and window is not None)):
        return Expected(text=job.words(core.start, core.end), concept=name, window=_future(window))
    ahead = planned is not None and (
        _AHEAD.match(planned.text) is not None
        or (_AHEAD_OF.match(planned.text) is not None and planned.start < core.start and not past_window)
    )
    if planned is None or not ahead:
        return Procedure(concept=name, window=window)
    if planned.text.startswith("undergo") and _LONG.search(job.terminology.concept(name).label):
        return Procedure(concept=name, window=window)
    job.encode(planned)
    start, end = min(planned.start, core.start), max(planned.end, core.end)
    expected = Expected(text=job.words(start, end), concept=name, window=_future(window))
    past = next((cues[c] for c in ("history", "active") if c in cues), None)
    if past is None or not planned.text.startswith(("plan", "sched", "anticip", "expect", "intend")):
        return expected
    job.encode(past)
    return Any(nodes=(Procedure(concept=name, window=window), expected))
