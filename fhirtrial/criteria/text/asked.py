"""Phrases that name no concept: age, sex, pregnancy, hospital stays, data, and what only a person can answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from fhirtrial.criteria.text.atoms import chosen, wished
from fhirtrial.criteria.text.found import Job, Link
from fhirtrial.criteria.text.joints import Joint
from fhirtrial.criteria.text.leftover import graded, leftover, unclear
from fhirtrial.criteria.text.lexemes import Bounds, Lexeme, Timed
from fhirtrial.criteria.text.phrase import (
    TOPICS,
    Item,
    Phrase,
    cued,
    is_core,
)
from fhirtrial.criteria.text.values import aged, is_time, lasting_of
from fhirtrial.criteria.tree import (
    All,
    Any,
    Attestation,
    ClassificationCriteria,
    Condition,
    DataAvailability,
    Encounter,
    Expected,
    If,
    Node,
    Not,
    NotComputable,
    Reproductive,
    Sex,
    Window,
)

# A denial → the statement that it denies, so that a person is asked a plain question.
_DENIALS = tuple(
    (re.compile(rf"\b{negative}\b", re.IGNORECASE), positive)
    for negative, positive in (
        ("unable to", "able to"),
        ("not able to", "able to"),
        ("inability to", "ability to"),
        ("incapable of", "capable of"),
        ("unwilling to", "willing to"),
        ("unwillingness to", "willingness to"),
        ("reluctant to", "willing to"),
    )
)
_MISSING = re.compile(r"^(?:missing|lack\s+of|incomplete)\s+", re.IGNORECASE)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_PERSONS = frozenset(
    ["individuals", "participants", "patient", "patients", "people", "persons", "subject", "subjects", "volunteers"]
)
_AROUND = _PERSONS | frozenset(
    ["a", "all", "an", "and", "any", "are", "at", "be", "in", "is", "must", "of", "old", "or", "the", "who", "years"]
)
# "Over 18 years at diagnosis" says how old they were.
_EARLIER = frozenset(["birth", "diagnosed", "diagnosis", "onset"])
_STATES = {"pregnant": "pregnant", "lactating": "lactating", "childbearing": "childbearing-potential"}


def age_of(job: Job, phrase: Phrase, cues: dict[str, Lexeme]) -> Node | None:
    values = [x for x in phrase.lexemes if x.kind == "compare" and isinstance(x.value, Bounds)]
    told = (
        "age" in cues or any(w in x.text for x in values for w in ("older", "younger", "age")) or _people(phrase, cues)
    )
    if not values or any(is_core(i) for i in phrase.items if isinstance(i, Lexeme) and i.kind != "cue"):
        return None
    in_years = all(is_time(x.value) and x.value.each[0].unit == "a" for x in values if isinstance(x.value, Bounds))
    unitless = told and all(
        b.unit in {None, "a", "mo", "wk", "d"} for x in values if isinstance(x.value, Bounds) for b in x.value.each
    )
    if not (unitless or in_years) or "experiencer" in cues:
        return None
    bounds = Bounds(tuple(b for x in values if isinstance(x.value, Bounds) for b in x.value.each))
    node = aged(bounds)
    if node is None:
        if any(b.lost for b in bounds.each):
            job.flag("source_typo")
        return None
    job.encode(*values)
    for x in values:
        job.values.append(Link((phrase.span[0], x.start), (x.start, x.end)))
    sex = sex_of(job, phrase, cues)
    left = leftover(job, phrase, set(values), None)
    left += [("unclear", x, "ambiguous_scope") for x in phrase.lexemes if x.text in _EARLIER]
    if sex is not None:
        node = All(nodes=(sex, node))
    return graded(job, phrase, node, left)


def _people(phrase: Phrase, cues: dict[str, Lexeme]) -> bool:
    """As in "Patients over 65": a number beside people and nothing else counts their years."""
    words = [x for x in phrase.lexemes if x.kind == "word"]
    person = cues.keys() & {"adult", "minor", "female", "male", "sexes"} or any(x.text in _PERSONS for x in words)
    plain = all(x.kind == "word" and x.text in _AROUND for x in phrase.lexemes if x.kind not in {"cue", "compare"})
    return bool(person) and plain and not cues.keys() - {"adult", "minor", "female", "male", "sexes", "allowed", "now"}


def sex_of(job: Job, phrase: Phrase, cues: dict[str, Lexeme], *, beside: bool = False) -> Node | None:
    """The sex that a phrase names; `beside` where something else that it names is encoded with its own residue."""
    found = [c for c in ("female", "male") if c in cues]
    if (
        "sexes" in cues
        and not any(is_core(i) or (isinstance(i, Lexeme) and i.kind == "compare") for i in phrase.items)
        and not leftover(job, phrase, {cues["sexes"]}, None)
    ):
        return Any(nodes=(Sex(value="female"), Sex(value="male")))
    if len(found) != 1 or "sexes" in cues or "experiencer" in cues:
        return None
    if beside:
        return Sex.model_validate({"value": found[0]})
    left = leftover(job, phrase, set(), None)
    return graded(job, phrase, Sex.model_validate({"value": found[0]}), left)


def asked_of(job: Job, phrase: Phrase, cues: dict[str, Lexeme]) -> Node | None:
    """Pregnancy and its like, other trials, hospital stays: what is asked without a name of the terminology."""
    start, end = phrase.span
    concepts = [i for i in phrase.lexemes if i.kind in {"concept", "term"}]
    if "other-trial" in cues:
        whole = job.residue("not_encoded", start, end)
        return NotComputable(text=whole.text, reason="not_encoded")
    if "data" in cues and not concepts:
        job.cited.append((start, end))
        text = job.words(start, end)
        if (followed := _follow_up(phrase)) is not None and "negation" not in cues:
            return DataAvailability(text=text, window=followed)
        missing = cues["data"].text.startswith(("missing", "lack", "incomplete"))
        if missing:
            return Not(node=DataAvailability(text=_MISSING.sub("", text)))
        return DataAvailability(text=text)
    if (
        "classified" in cues
        and len(concepts) == 1
        and (target := chosen(job, concepts[0], "condition"))
        and not {"negation", "suspected", "experiencer"} & cues.keys()
    ):
        job.cited.append((start, end))
        job.encode(*phrase.lexemes)
        name, year = job.words(start, concepts[0].start) or job.words(start, end), _YEAR.search(job.words(start, end))
        named = ClassificationCriteria(
            name=job.words(start, end) if len(name) < 4 else name, year=int(year[0]) if year else None, target=target
        )
        return All(nodes=(named, Condition(concept=target)))
    states = [s for s in _STATES if s in cues]
    if states and not concepts and not {"experiencer", "suspected", "contraception"} & cues.keys():
        if states == ["pregnant"] and wished(cues, cues["pregnant"]) is not None and "negation" not in cues:
            job.cited.append((start, end))
            return Expected(text=job.words(start, end), concept="pregnancy")
        if (
            "planned" in cues
            or "willingness" in cues
            or any(w in job.words(start, end).lower() for w in ("become", "wish", "try", "attempt", "conceiv", "test"))
        ):
            return unclear(job, phrase, Reproductive.model_validate({"state": _STATES[states[0]]}), "future_event")
        nodes = [Reproductive.model_validate({"state": _STATES[s]}) for s in states]
        job.encode(*(cues[s] for s in states))
        node: Node = All(nodes=tuple(nodes)) if len(nodes) > 1 else nodes[0]
        return graded(
            job,
            phrase,
            node,
            leftover(
                job,
                phrase,
                {cues[s] for s in states} | {c for k, c in cues.items() if k in {"female", "active", "adult"}},
                cues[states[0]],
            ),
        )
    if "inpatient" in cues and len(concepts) <= 1:
        stay = cues["inpatient"]
        reason = chosen(job, concepts[0], "condition") if concepts and stay.text.endswith("for") else None
        if concepts and reason is None:
            return None
        window = phrase.window or next((x for x in phrase.lexemes if x.kind == "window"), None)
        timed = (
            window.value.window
            if window is not None and isinstance(window.value, Timed) and window.value.anchored
            else None
        )
        used = {stay, *concepts, *([window] if window is not None and timed else [])}
        job.encode(*used)
        return graded(
            job, phrase, Encounter(setting="inpatient", reason=reason, window=timed), leftover(job, phrase, used, stay)
        )
    return None


def absorbed(pieces: Sequence[tuple[Phrase, Joint]]) -> list[tuple[Phrase, Joint]]:
    """The conjuncts, where what a person is asked keeps its objects: "comply with the plan and other protocols"."""
    kept: list[tuple[Phrase, Joint]] = []
    for phrase, joint in pieces:
        if kept and joint == "and" and cued(kept[-1][0].items, *TOPICS) is not None and _is_object(phrase):
            kept[-1] = (replace(kept[-1][0], items=(*kept[-1][0].items, *phrase.items)), kept[-1][1])
        else:
            kept.append((phrase, joint))
    return kept


def _is_object(phrase: Phrase) -> bool:
    """Words that name nothing to ask about by themselves."""
    return all(isinstance(i, Lexeme) and i.kind in {"word", "other"} for i in phrase.items)


def _follow_up(phrase: Phrase) -> Window | None:
    """As in "baseline and follow-up data at >= 3 months": from that long after baseline on."""
    words = {x.text for x in phrase.lexemes} | {w for x in phrase.lexemes for w in x.text.replace("-", " ").split()}
    values = [x for x in phrase.lexemes if x.kind in {"compare", "duration"}]
    if not {"baseline", "follow", "up"} <= words or len(values) != 1:
        return None
    lasting = lasting_of(values[0])
    if lasting is None or lasting.op not in {">=", ">"} or any(x.kind == "window" for x in phrase.lexemes):
        return None
    return Window(anchor="baseline", start=lasting.length, end=None)


def attested(job: Job, items: Sequence[Item], cues: set[str]) -> Node | None:
    """A whole clause that only a person can answer: consent, willingness, ability, compliance, contraception."""
    start, end = items[0].start, items[-1].end
    topic = next(
        (t for t in ("contraception", "consent", "compliance", "capability", "willingness") if t in cues), None
    )
    if topic is None:
        return None
    job.cited.append((start, end))
    text = job.words(start, end)
    who = cued(items, "childbearing") or cued(items, "female", "male")
    others = cued(items, "pregnant", "lactating", "experiencer") or next(
        (i for i in items if isinstance(i, Lexeme) and i.kind == "concept"), None
    )
    if others is not None or (who is not None and cued(items, "sexes") is not None):
        return Attestation.model_validate({"topic": topic, "text": text})
    if who is not None and topic in {"contraception", "willingness"}:
        job.encode(who)
        whose: Node = (
            Reproductive(state="childbearing-potential")
            if who.value == "childbearing"
            else Sex.model_validate({"value": who.value})
        )
        asked = _answerable(topic, text, items)
        return All(nodes=(whose, asked)) if job.exclusion else If(condition=whose, then=asked)
    return _answerable(topic, text, items)


def _answerable(topic: str, text: str, items: Sequence[Item]) -> Node:
    for negative, positive in _DENIALS:
        said, number = negative.subn(positive, text, count=1)
        if number and cued(items, "negation") is None:
            return Not(node=Attestation.model_validate({"topic": topic, "text": said}))
    return Attestation.model_validate({"topic": topic, "text": text})
