"""One phrase → its node: the atom of its name, with residues for every word that the atom does not carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from fhirtrial.criteria.text.asked import age_of, asked_of, sex_of
from fhirtrial.criteria.text.atoms import allergy_of, atom_of, chosen, kind_of
from fhirtrial.criteria.text.changes import changed
from fhirtrial.criteria.text.criteria_sets import criteria_set
from fhirtrial.criteria.text.found import Job, Link, unsure
from fhirtrial.criteria.text.leftover import ADJECTIVES, graded, leftover
from fhirtrial.criteria.text.lexemes import Lexeme, Named, Rank, Timed
from fhirtrial.criteria.text.links import link_values, link_window, window_of
from fhirtrial.criteria.text.lists import closed, like
from fhirtrial.criteria.text.names import find_names
from fhirtrial.criteria.text.phrase import (
    Bracket,
    Phrase,
    cued,
    flat,
    is_core,
)
from fhirtrial.criteria.text.present import graded_now, is_rated_kind, present, rates
from fhirtrial.criteria.text.shown import combined
from fhirtrial.criteria.text.values import MEASURED
from fhirtrial.criteria.tree import (
    All,
    Any,
    AtLeast,
    Condition,
    Def,
    Except,
    Expected,
    Finding,
    Medication,
    Node,
    Not,
    NotComputable,
    Reason,
    Reproductive,
    Residue,
    Sex,
)

# How a bracket beside a name is read; the clause grammar gives this, which itself reads phrases.
# Between "not" and a name, these leave the name denied.
_HAVING = frozenset(
    [
        "have",
        "had",
        "has",
        "having",
        "be",
        "been",
        "being",
        "with",
        "a",
        "an",
        "any",
        "the",
        "of",
        "on",
        "known",
        "current",
        "currently",
        "diagnosed",
        "suffer",
        "suffering",
        "from",
        "experienced",
    ]
)
BracketReader: TypeAlias = Callable[[Job, Bracket, Phrase], "tuple[str, Node] | None"]


def encode(job: Job, phrase: Phrase, brackets: BracketReader) -> Node:
    """The phrase's node; it always has one, a residue where nothing in it could be encoded."""
    lexemes = phrase.lexemes
    start, end = phrase.span
    cues = {str(c.value): c for c in (*phrase.cues, *lexemes) if c.kind == "cue"}
    first = next((i.start for i in phrase.items if is_core(i)), end)
    negation = next(
        (
            c
            for c in (*phrase.cues, *lexemes)
            if c.kind == "cue" and c.value == "negation" and (c in phrase.cues or c.start < first)
        ),
        None,
    )
    link_window(job, phrase)
    node = (
        age_of(job, phrase, cues)
        or criteria_set(job, phrase, cues)
        or asked_of(job, phrase, cues)
        or changed(job, phrase, cues)
        or _names(job, phrase, cues, brackets)
        or sex_of(job, phrase, cues)
    )
    if node is None:
        link_values(job, phrase)
        reason: Reason = "judgement" if "judgement" in cues else "not_encoded"
        whole = job.residue(reason, start, end)
        return NotComputable(text=whole.text, reason=whole.reason)
    if negation is not None and not isinstance(node, NotComputable):
        job.encode(negation)
        if isinstance(node, All) and len(node.nodes) == 2 and isinstance(node.nodes[0], Sex):
            sex, rest = node.nodes
            person = next(c for c in (cues.get("female"), cues.get("male")) if c is not None)
            if person.start < negation.start < first:
                return All(nodes=(sex, rest.node if isinstance(rest, Not) else Not(node=rest)))
            if person.start > first:
                return unsure(Not(node=node), job.residue("ambiguous_logic", start, end))
        turned = node.node if isinstance(node, Not) else Not(node=node)
        if negation.start < first and not _denies(negation, phrase, first):
            return unsure(turned, job.residue("ambiguous_logic", start, end))
        return turned
    return node


def _names(job: Job, phrase: Phrase, cues: dict[str, Lexeme], brackets: BracketReader) -> Node | None:
    cores = [i for i in phrase.lexemes if i.kind == "concept"] or _allergies(job, phrase, cues)
    if phrase.analyte is not None and not cores:
        cores = [phrase.analyte]
    if not cores:
        return None
    window = window_of(phrase)
    values = [x for x in phrase.lexemes if x.kind == "compare"] or ([phrase.value] if phrase.value else [])
    durations = [x for x in phrase.lexemes if x.kind == "duration"]
    allergic = cues.get("allergy") or cues.get("intolerance")
    if allergic is not None and (cores[0].start, cores[0].end) != (allergic.start, allergic.end):
        job.encode(allergic)
        nodes = [n for c in cores if (n := allergy_of(job, c, allergic.text)) is not None]
        if nodes:
            used = {allergic, *cores}
            node: Node = nodes[0] if len(nodes) == 1 else Any(nodes=tuple(nodes))
            return _bracketed(job, phrase, graded(job, phrase, node, leftover(job, phrase, used, cores[0])), brackets)
        return None
    measure = next((c for c in cores if chosen(job, c, *MEASURED) and (values or kind_of(job, c) in MEASURED)), None)
    imaging = next((c for c in cores if kind_of(job, c) == "imaging"), None)
    others = [c for c in cores if c is not imaging]
    if imaging is not None and others and kind_of(job, others[0]) == "condition":
        return _bracketed(job, phrase, _seen(job, phrase, imaging, others[0], cues, window), brackets)
    primary = measure if measure is not None and (values or len(cores) == 1) else _head(phrase, cores)
    if (tested := _tested(job, primary, cues)) is not None:
        cores = [tested if c is primary else c for c in cores]
        job.repeat(primary)
        primary = tested
    if primary is not cores[0] and primary is not measure and cores[0].text not in ADJECTIVES:
        job.repeat(cores[0])
    values = _signed(job, phrase, values)
    for value in values:
        job.values.append(Link((primary.start, primary.end), (value.start, value.end)))
    made = atom_of(job, primary, cues, window, values, durations)
    used = {primary}
    if made is None:
        return None
    made = combined(job, primary, made)
    treated = next(
        (c for c in cores if c is not primary and isinstance(made, Medication) and kind_of(job, c) == "condition"), None
    )
    if treated is not None and isinstance(made, Medication) and _for(phrase, primary, treated):
        target = chosen(job, treated, "condition")
        job.encode(treated, *(x for x in phrase.lexemes if x.text == "treat" and x.end <= treated.start))
        used.add(treated)
        scope = job.residue("ambiguous_scope", primary.start, treated.end)
        made = Any(nodes=(made.model_copy(update={"indication": target}), All(nodes=(made, scope))))
    scored = [c for c in cores if c is not primary and measure is primary and kind_of(job, c) == "condition"]
    if scored and kind_of(job, primary) in MEASURED:
        qualified = atom_of(job, scored[0], cues, window, [], [])
        if qualified is not None:
            used.add(scored[0])
            made = All(nodes=(qualified if "history" in cues else graded_now(qualified, made), made))
    made = _under_way(job, phrase, cores, primary, made, used)
    if cues.keys() & {"female", "male"} and "sexes" not in cues and not isinstance(made, Reproductive):
        sex = sex_of(job, phrase, cues, beside=True)
        made = All(nodes=(sex, made)) if sex is not None else made
    used |= job.encoded & set(flat(phrase.items))
    if isinstance(made, Expected):
        # A person answers it by its words: they hold all that the phrase says.
        job.cited.append(phrase.span)
        made = made.model_copy(update={"text": job.words(*phrase.span)})
    left = leftover(job, phrase, used, primary) if not isinstance(made, Expected) else []
    if "doubtful" in _doubts(cores):
        left.append(("unclear", primary, "ambiguous_logic"))
    return _bracketed(job, phrase, graded(job, phrase, made, left), brackets)


def _under_way(
    job: Job, phrase: Phrase, cores: Sequence[Lexeme], primary: Lexeme, made: Node, used: set[Lexeme]
) -> Node:
    """As in "renal failure on dialysis", "diabetes treated with insulin": the treatment stands beside the condition."""
    later = next((c for c in cores if c.start > primary.end), None)
    if not isinstance(made, Condition) or later is None or kind_of(job, later) not in {"medication", "procedure"}:
        return made
    between = [x for x in phrase.lexemes if primary.end <= x.start < later.start]
    if not between or any(x.text not in _TREATED and not (x.kind == "cue" and x.value == "using") for x in between):
        return made
    if between[-1].text not in {"on", "with", "by"} and between[-1].value != "using":
        return made
    if all(x.text in {"with", "by"} for x in between):
        return made
    treatment = atom_of(job, later, {}, None, [], [])
    if treatment is None:
        return made
    if isinstance(treatment, Medication) and between[-1].text == "on":
        treatment = treatment.model_copy(update={"when": "current"})
    job.encode(*between)
    used.add(later)
    return All(nodes=(made, treatment))


_TREATED = frozenset(["on", "treated", "with", "by", "who", "are", "is", "been", "being", "have", "has"])


def _head(phrase: Phrase, cores: Sequence[Lexeme]) -> Lexeme:
    """As "Infection with HIV" is about HIV: a generic name gives way to the one that it introduces."""
    if len(cores) > 1 and cores[0].text in ADJECTIVES and cores[1].start - cores[0].end <= 1:
        return cores[1]
    if len(cores) > 1 and cores[0].text in {"infection", "infections", "infected", "disease", "disorder"}:
        between = [x.text for x in phrase.lexemes if cores[0].end <= x.start < cores[1].start]
        if between and between[0] in {"with", "by", "of"} and set(between[1:]) <= {"the", "a", "an", "known"}:
            return cores[1]
    return cores[0]


def _tested(job: Job, core: Lexeme, cues: dict[str, Lexeme]) -> Lexeme | None:
    """As "Positive test for hepatitis B" asks for a result: the name of the disease's test, where there is one."""
    if kind_of(job, core) != "condition" or not cues.keys() & {"positive", "negative"}:
        return None
    found = next(find_names(f"{core.text.removesuffix(' infection')} test", job.names), None)
    if found is None or not isinstance(found.value, Named) or job.names.kinds[found.value.concepts[0]] != "lab":
        return None
    tested = Lexeme("concept", core.start, core.end, core.text, found.value)
    job.inferred.append(tested)
    return tested


def _allergies(job: Job, phrase: Phrase, cues: dict[str, Lexeme]) -> list[Lexeme]:
    """As in "Allergic rhinitis", "drug allergy": the allergy itself is what is named, where no substance follows."""
    cue = cues.get("allergy")
    if cue is None or cue not in phrase.lexemes or any(x.kind == "term" for x in phrase.lexemes):
        return []
    if cue.text.endswith((" to", " of", " with", " against")):
        # A substance follows that nobody knows: "allergy to the study drug" is no allergy at large.
        return []
    found = next(find_names(cue.text, job.names), None)
    if found is None or job.names.kinds[found.value.concepts[0]] != "condition":  # type: ignore[union-attr]
        return []
    job.encode(cue)
    return [Lexeme("concept", cue.start, cue.end, cue.text, found.value)]


def _doubts(cores: Sequence[Lexeme]) -> set[str]:
    return {"doubtful" for c in cores if getattr(c.value, "doubtful", False)}


def _signed(job: Job, phrase: Phrase, values: list[Lexeme]) -> list[Lexeme]:
    """A lone operator before a scale's name ("≥ NYHA class III") belongs to the class after it."""
    sign = next((x for x in phrase.lexemes if x.kind == "other" and x.text in {">=", "<=", ">", "<"}), None)
    if sign is None or len(values) != 1 or not isinstance(values[0].value, Rank) or len(values[0].value.each) != 1:
        return values
    op, rank, label = values[0].value.each[0]
    if op != "=":
        return values
    moved = Lexeme("compare", values[0].start, values[0].end, values[0].text, Rank(((sign.text, rank, label),)))  # type: ignore[arg-type]
    job.encode(sign, values[0])
    return [moved]


def _for(phrase: Phrase, medicine: Lexeme, condition: Lexeme) -> bool:
    between = [x.text for x in phrase.lexemes if medicine.end <= x.start < condition.start]
    return (bool(between) and between[-1] in {"for", "treat", "of", "to"} and "for" in between) or between[-2:] == [
        "to",
        "treat",
    ]


def _seen(
    job: Job, phrase: Phrase, imaging: Lexeme, core: Lexeme, cues: dict[str, Lexeme], window: Lexeme | None
) -> Node:
    modality, finding = chosen(job, imaging, "imaging"), chosen(job, core, "condition")
    assert modality is not None  # noqa: S101 - the caller has chosen both kinds
    assert finding is not None  # noqa: S101 - the caller has chosen both kinds
    timed = (
        window.value.window
        if window is not None and isinstance(window.value, Timed) and window.value.anchored
        else None
    )
    job.encode(imaging, core, *([window] if timed and window else []))
    seen = Finding(modality=modality, finding=finding, window=timed)
    used = {imaging, core, *([window] if window and timed else [])}
    words = {x.text for x in phrase.lexemes}
    if any(x.value == "negation" and x.start > imaging.start for x in phrase.lexemes if x.kind == "cue"):
        return unsure(seen, job.residue("ambiguous_logic", *phrase.span))
    if words & {"confirmed", "proven", "documented"} or "same" in cues:
        condition = atom_of(job, core, cues, window, [], [])
        assert condition is not None  # noqa: S101 - a condition without values always has an atom
        used |= job.encoded & set(phrase.lexemes)
        either = Any(nodes=(seen, job.residue("evidence_method", *phrase.span)))
        return graded(job, phrase, All(nodes=(condition, either)), leftover(job, phrase, used, core, allowed=True))
    return graded(job, phrase, seen, leftover(job, phrase, used, core, allowed=True))


def _bracketed(job: Job, phrase: Phrase, node: Node, brackets: BracketReader) -> Node:
    """The node with what its brackets say: examples widen it, qualifications narrow it, a repetition adds nothing."""
    for item in phrase.items:
        if not isinstance(item, Bracket) or not item.items:
            continue
        read = brackets(job, item, phrase)
        if read is None:
            continue
        how, inner = read
        if cued(item.items, "female", "male") is not None:
            # As in "(> 10 g/dL for men)": a limit of some people only.
            node = unsure(All(nodes=(node, inner)), job.residue("ambiguous_scope", item.start, item.end))
        elif how == "listed" and closed(node, inner.nodes if isinstance(inner, Any) else (inner,)):
            node = Any(nodes=(node, like(node, inner)))
        elif how in {"examples", "listed"}:
            open_list = job.residue("open_list", item.start, item.end)
            members = (
                *(inner.nodes if isinstance(inner, Any) else (inner,)),
                *([open_list] if how == "listed" else []),
            )
            node = _widened(job, phrase, node, Any(nodes=members) if len(members) > 1 else inner, item)
        elif how == "except":
            node = Except(base=node, unless=inner)
        elif how == "definition":
            inner = present(inner) if any(x.value == "now" for x in phrase.lexemes) else inner
            node = Def(term=job.words(phrase.items[0].start, item.start) or "?", body=inner)
            job.cited.append((phrase.items[0].start, item.start))
        elif how == "measured":
            # The bracket may define the name or narrow it: without the value it is neither.
            node = All(nodes=(inner, Any(nodes=(node, job.residue("ambiguous_scope", *phrase.span)))))
        elif how == "narrower":
            past = any(x.value == "history" for x in (*phrase.cues, *phrase.lexemes))
            node = All(nodes=(node if past else graded_now(node, inner), inner))
        elif how == "shown":
            node = Any(nodes=(node, inner))
        else:
            residue = job.residue("ambiguous_scope", item.start, item.end)
            node = unsure(All(nodes=(node, inner)), residue)
    return node


def _widened(job: Job, phrase: Phrase, node: Node, inner: Node, bracket: Bracket) -> Node:
    """Examples are of the qualified thing: what narrows it narrows them."""
    if not isinstance(node, All | Any | AtLeast | Not | Except | Def):
        return Any(nodes=(node, like(node, inner)))
    included = cued(bracket.items[:1], "open")
    if (
        included is not None
        and included.text.startswith("includ")
        and is_rated_kind(node)
        and rates((*phrase.cues, *phrase.loose, *phrase.lexemes))
    ):
        return Any(nodes=(node, inner))
    if (
        isinstance(node, All)
        and len(node.nodes) == 2
        and isinstance(node.nodes[1], Residue)
        and not isinstance(node.nodes[0], All | Any)
    ):
        return All(nodes=(Any(nodes=(node.nodes[0], inner)), node.nodes[1]))
    return unsure(Any(nodes=(node, inner)), job.residue("ambiguous_scope", bracket.start, bracket.end))


def _denies(negation: Lexeme, phrase: Phrase, core: int) -> bool:
    """Whether a negation denies the name itself: "no asthma", "not have asthma", but not "not rule out asthma"."""
    if not negation.text.startswith(("not", "cannot", "never", "neither", "nor", "do", "is", "are", "ha")):
        return True
    between = [x for x in phrase.lexemes if negation.end <= x.start < core]
    return all((x.kind == "cue" and x.value in {"using", "history", "active"}) or x.text in _HAVING for x in between)
