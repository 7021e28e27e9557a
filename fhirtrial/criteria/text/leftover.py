"""What an atom does not carry of its phrase: each word left over narrows the atom or makes it unclear.

A word narrows (All with a residue) only where it stands like a modifier; anywhere else it may change what is said, and
the atom stays as evidence that never decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from fhirtrial.criteria.text.atoms import ROUTES, chosen, has_course, has_route, kind_of
from fhirtrial.criteria.text.cues import FILLING, HEADS, WORDS
from fhirtrial.criteria.text.found import Job, unsure
from fhirtrial.criteria.text.lexemes import Bounds, Lexeme, Named
from fhirtrial.criteria.text.phrase import (
    Phrase,
    is_core,
)
from fhirtrial.criteria.text.values import MEASURED
from fhirtrial.criteria.tree import (
    All,
    Any,
    Node,
    Reason,
)

Grade: TypeAlias = Literal["exact", "wider", "narrower", "unclear"]
Left: TypeAlias = list[tuple[Grade, Lexeme, Reason]]
_HARMLESS = frozenset(
    {
        "history",
        "using",
        "age",
        "now",
        "sexes",
        "positive",
        "adult",
        "ingredient",
        "open",
        "same",
        "anyofthese",
        "doctor",
    }
)
_OPAQUE = frozenset(
    {
        "suspected",
        "experiencer",
        "contraindication",
        "if",
        "allowed",
        "except",
        "unless",
        "negation",
        "naive",
        "planned",
        "during-study",
    }
)
_NEGATIVE = (
    frozenset(
        [
            "no",
            "not",
            "non",
            "without",
            "never",
            "neither",
            "nor",
            "cannot",
            "lack",
            "absence",
            "free",
            "except",
            "unless",
            "but",
        ]
    )
    | WORDS["withdrawing"]
)
_PREPOSITIONS = frozenset(
    ["of", "to", "for", "against", "with", "from", "by", "about", "on", "in", "due", "than", "toward", "regarding"]
)
# Generic words behind a name of a kind that only repeat the kind: "rituximab therapy", "CABG surgery", "HIV test".
_REPEATING: dict[str, frozenset[str]] = {
    "medication": frozenset(
        [
            "administration", "agent", "agents", "consumption", "dose", "doses", "drug", "drugs", "ingestion", "intake",
            "medication", "medications", "preparations", "product", "products", "regimen", "tablets", "therapies",
            "therapy", "treatment", "treatments", "usage", "use", "user", "users",
        ]
    ),
    "vaccine": frozenset(["administration", "immunization", "vaccination", "vaccinations", "vaccine", "vaccines"]),
    "procedure": frozenset(
        [
            "intervention", "operation", "operations", "procedure", "procedures", "session", "sessions", "surgeries",
            "surgery", "therapies", "therapy", "treatment", "treatments",
        ]
    ),
    "condition": frozenset(["attack", "attacks", "diagnosis", "episode", "episodes", "event", "events", "history"]),
    "lab": frozenset(
        [
            "assay", "concentration", "concentrations", "count", "counts", "level", "levels", "measurement", "result",
            "results", "screening", "serology", "test", "testing", "tests", "titer", "titers", "value", "values",
        ]
    ),
    "vital": frozenset(["level", "levels", "measurement", "measurements", "reading", "readings", "value", "values"]),
    "score": frozenset(["class", "classification", "grade", "rating", "result", "scale", "score", "scores", "status"]),
}  # fmt: skip
# What stands between a scale and its class: "ASA physical status 1", "NYHA functional classification II".
_CLASS = _REPEATING["score"] | {"functional", "physical", "grading", "category", "system"}
_MEASURING = frozenset(
    ["class", "concentration", "functional class", "level", "levels", "range", "score", "scores", "status", "value"]
)
_SEEN = frozenset(
    [
        "image",
        "images",
        "imaging",
        "finding",
        "findings",
        "sign",
        "signs",
        "feature",
        "features",
        "change",
        "changes",
        "scan",
        "scans",
        "seen",
        "showed",
        "shown",
        "on",
    ]
)
_ORDER: dict[Grade, int] = {"exact": 0, "wider": 1, "narrower": 2, "unclear": 3}
# Names that only qualify a name behind them: "metastatic melanoma" is a melanoma.
ADJECTIVES = frozenset(["malignant", "metastatic"])
_FAR = 40
# "Known or suspected X" is X, and more.
_KNOWN = re.compile(
    r"\b(?:known|diagnosed|confirmed|documented|proven|definite|established)\s*(?:or|and/or|/|,)\s*$", re.IGNORECASE
)


def leftover(job: Job, phrase: Phrase, used: set[Lexeme], core: Lexeme | None, *, allowed: bool = False) -> Left:
    """What the atom does not carry, and whether it narrows the atom or makes it unclear."""
    found: Left = []
    lexemes = list(phrase.lexemes)
    for place, lexeme in enumerate(lexemes):
        if (
            lexeme in used
            or lexeme in job.encoded
            or lexeme.kind in {"and", "or", "and/or", "comma", "stop", "semicolon"}
        ):
            continue
        before = core is None or lexeme.start < core.start
        grade, reason = _weigh(job, phrase, lexemes, place, core, before=before)
        if grade != "exact":
            found.append(
                (
                    "narrower" if allowed and grade == "unclear" and lexeme.kind in {"word", "other"} else grade,
                    lexeme,
                    reason,
                )
            )
    for cue in phrase.cues:
        if cue not in used and cue not in job.encoded and cue not in lexemes:
            if cue.value in _OPAQUE - {"negation"}:
                found.append(("unclear", cue, "ambiguous_scope"))
            elif cue.value in {"judgement", "cause"}:
                found.append(("narrower", cue, "judgement"))
    state = core is not None and (
        core.value in {"pregnant", "lactating"} or chosen(job, core) in {"pregnancy", "lactation"}
    )
    loose = [x for x in phrase.loose if not (state and x.value == "active")]
    found.extend(("narrower", x, "judgement" if x.value == "judgement" else "ambiguous_scope") for x in loose)
    return found


def _weigh(
    job: Job, phrase: Phrase, lexemes: Sequence[Lexeme], place: int, core: Lexeme | None, *, before: bool
) -> tuple[Grade, Reason]:
    lexeme = lexemes[place]
    if lexeme.kind == "cue":
        value = str(lexeme.value)
        if value == "negation":
            return ("exact", "not_encoded") if before else ("unclear", "ambiguous_logic")
        if value == "judgement":
            return "narrower", "judgement"
        if (
            value in {"adult", "minor"}
            and any(x.kind == "compare" and x in job.encoded for x in lexemes)
            and core is None
        ):
            return "exact", "not_encoded"
        if value in {"adult", "minor"} or (
            # "Old tuberculosis" is one that is over; "18 years old" counts years.
            lexeme.text == "old" and before and core is not None and not any(x.kind == "compare" for x in lexemes)
        ):
            return "narrower", "vague_term"
        if value == "using" and before and core is not None and _is_about(job, lexemes, place, core):
            return "narrower", "ambiguous_scope"
        if value == "positive" and core is not None and kind_of(job, core) in {"medication", "procedure", "vaccine"}:
            return "unclear", "ambiguous_scope"
        if value in {"female", "male", "sexes"}:
            return "exact", "not_encoded"
        if value == "cause":
            return ("unclear" if before else "narrower"), "causal_attribution"
        if value == "suspected" and _KNOWN.search(job.normal.text, max(0, lexeme.start - _FAR), lexeme.start):
            return "wider", "ambiguous_scope"
        if value in {"active", "planned"} and any(
            x in job.encoded and x.value == value for x in lexemes if x.kind == "cue"
        ):
            return "exact", "not_encoded"
        if value == "allowed" and not job.exclusion and lexeme.text.startswith(("must be", "must have", "should be")):
            # "Patients with cirrhosis must have …" may bind those patients only.
            split = any(is_core(x) for x in lexemes[:place]) and any(is_core(x) for x in lexemes[place:])
            return ("unclear", "ambiguous_scope") if split else ("exact", "not_encoded")
        if value in _OPAQUE:
            return "unclear", "future_event" if value in {"planned", "during-study"} else "ambiguous_scope"
        if value in {"acute", "chronic", "recurrent"} and before and core is not None and has_course(core):
            # As in "acute or chronic pancreatitis": the name holds the other word.
            return "wider", "ambiguous_scope"
        if value in ROUTES and before and core is not None and has_route(core):
            return "wider", "ambiguous_scope"
        if value in {"active", "acute", "chronic", "recurrent", "mild", "moderate", "severe"}:
            return "narrower", "vague_term"
        if value in {"failed", "intolerance", "allergy"}:
            return "unclear", "ambiguous_scope"
        if value in _POINTING and any(_points(x, _POINTING[value]) for x in lexemes if x in job.encoded):
            return "exact", "not_encoded"
        if value in {"elevated", "decreased", "abnormal", "normal", "negative"}:
            return ("unclear" if value != "abnormal" else "narrower"), "ambiguous_scope"
        if value in {"consent", "compliance", "contraception", "capability", "willingness"}:
            return "unclear", "ambiguous_scope"
        return ("exact" if value in _HARMLESS else "narrower"), "not_encoded"
    if lexeme.kind == "window":
        return "narrower", "missing_window"
    if lexeme.kind in {"duration", "compare", "number"}:
        return "narrower", "not_encoded"
    if lexeme.kind in {"concept", "term"}:
        if (
            core is not None
            and not before
            and kind_of(job, core) in MEASURED
            and lexeme.text.endswith(("function", "test"))
        ):
            # What a result was measured in is no test of its own; a reader is told.
            job.notes.append((job.words(lexeme.start, lexeme.end), (lexeme.start, lexeme.end)))
            return "exact", "not_encoded"
        if core is not None and _repeats(job, lexeme, core, before=before):
            job.repeat(lexeme)
            return "exact", "not_encoded"
        if before and lexeme.text in ADJECTIVES and core is not None and core.start - lexeme.end <= 1:
            return "narrower", "vague_term"
        if core is not None and kind_of(job, core) == "score" and set(lexeme.text.split()) <= _CLASS:
            return "exact", "not_encoded"
        adjacent = core is not None and not before and lexeme.start - core.end <= 1
        return ("unclear" if before or adjacent else "narrower"), "not_encoded"
    if lexeme.kind == "other":
        following = lexemes[place + 1] if place + 1 < len(lexemes) else None
        carried = following is not None and following in job.encoded and core is not None and lexeme.start >= core.end
        hyphen = lexeme.text == "-" and core is not None and not carried and core.start - 1 <= lexeme.start <= core.end
        stray = lexeme.text not in {"-", "/", '"', "'", ":", ".", "*", "•", "_", "!", "?"}
        return ("unclear" if hyphen or stray else "exact"), "not_encoded"
    if (
        core is not None
        and lexeme.text in _SEEN
        and kind_of(job, core) == "condition"
        and any(kind_of(job, x) == "imaging" for x in lexemes if x.kind == "concept")
    ):
        return "exact", "not_encoded"
    if lexeme.text in {"dose", "doses", "dosage", "high", "low"} and any(
        x.kind == "compare" and x in job.encoded for x in phrase.lexemes
    ):
        return "exact", "not_encoded"
    if core is not None and 0 <= lexeme.start - core.end <= 1:
        # What follows a name directly is its real head: "HIV test", "asthma inhaler".
        known = (lexeme.text in FILLING and lexeme.text not in HEADS) or _repeats(job, lexeme, core, before=before)
        return ("exact" if known else "unclear"), "not_encoded"
    if lexeme.text in _NEGATIVE:
        return "unclear", "ambiguous_logic"
    if lexeme.text.isupper():
        # A filling word in capitals is a name that nobody knows here.
        return "unclear", "not_encoded"
    if before and core is not None and _is_about(job, lexemes, place, core):
        # Who is treated for a disease has or had it; who is tested for it need not.
        return ("narrower" if lexeme.text in WORDS["treating"] else "unclear"), "ambiguous_scope"
    if lexeme.text in {"other", "another"} and before and core is not None and not _is_listed(job, lexeme):
        # "Other malignancies" leaves out the one that the trial is about.
        return "narrower" if kind_of(job, core) not in MEASURED else "exact", "ambiguous_scope"
    if lexeme.text in FILLING:
        return "exact", "not_encoded"
    if core is None:
        return "narrower", "not_encoded"
    if before and (
        lexeme.text in WORDS["plain"] or (kind_of(job, core) in MEASURED and lexeme.text in WORDS["measuring"])
    ):
        return "exact", "not_encoded"
    if kind_of(job, core) == "score" and not before and lexeme.text in _CLASS:
        return "exact", "not_encoded"
    if (
        kind_of(job, core) in MEASURED
        and not before
        and any(
            x.text in {"test", "tests", "testing", "examination"} or x.text.endswith(("function", "test"))
            for x in lexemes[place:]
        )
    ):
        return "exact", "not_encoded"
    if before:
        between = [x.text for x in lexemes[place + 1 :] if x.start < core.start]
        return ("unclear" if _PREPOSITIONS & set(between) else "narrower"), "vague_term"
    return "narrower", "not_encoded"


def _is_listed(job: Job, lexeme: Lexeme) -> bool:
    """As in "aspirin or other NSAIDs": it leaves out what is named in front."""
    before = job.normal.text[max(0, lexeme.start - _FAR) : lexeme.start].lower().rstrip().removesuffix(" any")
    return before.endswith((",", ";", "/", "(", "and", " or"))


def _is_about(job: Job, lexemes: Sequence[Lexeme], place: int, core: Lexeme) -> bool:
    """As in "treatment for tuberculosis", "testing for HIV": the disease is what something else is about."""
    if kind_of(job, core) != "condition" or lexemes[place].text.split()[0] not in WORDS["about"]:
        return False
    last = lexemes[place].text.split()[-1]
    between = [x.text for x in lexemes[place + 1 :] if x.end <= core.start]
    return bool({"for", "of", "against"} & {last, *between})


# Words that only say which way an encoded comparison points.
_POINTING: dict[str, frozenset[str]] = {
    "elevated": frozenset({">", ">="}),
    "decreased": frozenset({"<", "<="}),
    "abnormal": frozenset({">", ">=", "<", "<="}),
}


def _points(lexeme: Lexeme, signs: frozenset[str]) -> bool:
    return isinstance(lexeme.value, Bounds) and all(b.op in signs for b in lexeme.value.each)


def _repeats(job: Job, lexeme: Lexeme, core: Lexeme, *, before: bool) -> bool:
    """Whether a generic word or a second name beside a name says nothing that the name itself does not say."""
    kind = str(kind_of(job, core))
    if lexeme.text in ADJECTIVES:
        return False
    if isinstance(lexeme.value, Named) and isinstance(core.value, Named):
        if set(lexeme.value.concepts) & set(core.value.concepts):
            return True
        return not before and lexeme.start - core.end <= 1 and lexeme.text in _REPEATING.get(kind, frozenset())
    if before:
        return kind in MEASURED and lexeme.text in _MEASURING
    if lexeme.kind == "term" and kind in MEASURED and lexeme.text in _MEASURING:
        return True
    return lexeme.start - core.end <= 1 and lexeme.text in _REPEATING.get(kind, frozenset())


def graded(job: Job, phrase: Phrase, node: Node, left: Left) -> Node:
    if not left:
        return node
    start, end = phrase.span
    worst = max(left, key=lambda x: _ORDER[x[0]])
    reasons = [reason for grade, _, reason in left if grade == worst[0]]
    reason = "judgement" if "judgement" in reasons else worst[2]
    residue = job.residue(reason, start, end)
    if len({grade for grade, _, _ in left if grade != "exact"}) > 1 and any(grade == "wider" for grade, _, _ in left):
        return unsure(node, residue)
    if worst[0] == "wider":
        return Any(nodes=(node, residue))
    if worst[0] == "narrower":
        return All(nodes=(node, residue))
    return unsure(node, residue)


def unclear(job: Job, phrase: Phrase, node: Node, reason: Reason) -> Node:
    return unsure(node, job.residue(reason, *phrase.span))
