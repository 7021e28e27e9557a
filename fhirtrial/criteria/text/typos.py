"""What looks broken inside one item's words: flagged for a reader, never corrected, by rules that know no trial."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from fhirtrial.criteria.tree import Reason

Code = Literal[
    "unclosed_bracket", "run_on", "unit_implausible", "direction_implausible", "repeated_member", "source_typo"
]

# Common misspellings (letters swapped, dropped or changed) and the word meant.
MISSPELLINGS = {
    "abnormailty": "abnormality",
    "accross": "across",
    "alchohol": "alcohol",
    "diabetis": "diabetes",
    "diagnosys": "diagnosis",
    "globle": "global",
    "haemoglobine": "haemoglobin",
    "hemoglobine": "hemoglobin",
    "hte": "the",
    "infarcation": "infarction",
    "intolerence": "intolerance",
    "lenght": "length",
    "melitus": "mellitus",
    "occured": "occurred",
    "occurence": "occurrence",
    "patinets": "patients",
    "patietns": "patients",
    "pateints": "patients",
    "pnuemonia": "pneumonia",
    "postive": "positive",
    "pregant": "pregnant",
    "pregnent": "pregnant",
    "recieve": "receive",
    "recieved": "received",
    "recieving": "receiving",
    "seperate": "separate",
    "subejct": "subject",
    "subejcts": "subjects",
    "teh": "the",
    "theraphy": "therapy",
    "treatement": "treatment",
    "wiht": "with",
    "wtih": "with",
}
_LONGEST_ITEM = 20_000
# How far apart the words of one flag may stand: far enough for a sentence, and no search through a whole document.
_LONGEST_WORD = 60
_WORD = re.compile(r"[A-Za-z]{3,}")
# Creatine is not measured in these units, creatinine is; creatine kinase is an enzyme.
_CREATINE = re.compile(
    r"\bcreatine\b(?!\s*(?:phospho)?kinase)[^,;]{0,20}?\d[\d.]*\s*(?:[μµu]mol|mg)/d?L", re.IGNORECASE
)
# Viral load is counted per mL; per L is a thousand times less than a laboratory can see.
_PER_LITRE = re.compile(r"\b(?:copies|IU)\s*/\s*L\b", re.IGNORECASE)
_PAST_AFTER = re.compile(
    r"\b(?:was|were|had|has been|have been|received|inoculated)\b[^.;]{0,200}?\bwithin\b[^.;]{0,80}?\bafter\s+"
    r"(?:screening|enrol\w+|randomi[sz]ation|baseline)\b",
    re.IGNORECASE,
)
_REPEATED = re.compile(r"\b(\w[\w-]{1,40}(?: [\w-]{1,40}){1,6}),\s+\1\b", re.IGNORECASE)
# A capitalised opening word in the middle of a sentence, after a small word, a number, a bracket or a single letter.
_RUN_ON = re.compile(
    r"(?:(?<=[a-z]{2})|(?<=[a-z]\))|(?<=\s[A-Z])|(?<=\s\d))"
    r"(?<!\b(?:of|or|to|in|by|is|as|at|an|on))(?<!\b(?:the|and|for|any))(?<!\bwith)\s+"
    r"(?P<begin>(?:History|Presence) of\s+\w|(?:Active|Known|Any|Prior|Previous|Current|Confirmed|Positive|Inability|"
    r"Unable|Pregnant|Uncontrolled|(?:Patients|Subjects|Participants|Women) (?:who|with|are|must|should))\s+[a-z])"
)


@dataclass(frozen=True)
class Typo:
    """`reason` is the reason code that the item carries; [start, end) counts in the item's text."""

    code: Code
    text: str
    reason: Reason
    start: int
    end: int


def find_typos(text: str) -> tuple[Typo, ...]:
    """Every flag on one item's text, in the order of the text; a text too long for one item is not looked at."""
    if len(text) > _LONGEST_ITEM:
        return ()
    found = [
        *(Typo("unclosed_bracket", f"“{text[i]}” is never closed", "source_typo", i, i + 1) for i in _unclosed(text)),
        *(
            Typo("run_on", "a new sentence begins without a separator", "ambiguous_scope", *match.span("begin"))
            for match in _RUN_ON.finditer(text)
            if not _is_titled(text[max(0, match.start() - _LONGEST_WORD) : match.start()])
        ),
        *(
            _flag("unit_implausible", "is an unusual unit (per mL?)", "unit_implausible", m)
            for m in _PER_LITRE.finditer(text)
        ),
        *(
            _flag("direction_implausible", "puts something past after the trial's start", "source_typo", m)
            for m in _PAST_AFTER.finditer(text)
        ),
        *(_flag("repeated_member", "lists the same thing twice", "source_typo", m) for m in _REPEATED.finditer(text)),
        *(_flag("source_typo", "reads like creatinine", "source_typo", m) for m in _CREATINE.finditer(text)),
        *(
            Typo("source_typo", f"“{m.group()}” ({MISSPELLINGS[m.group().lower()]}?)", "source_typo", *m.span())
            for m in _WORD.finditer(text)
            if m.group().lower() in MISSPELLINGS
        ),
    ]
    return tuple(sorted(found, key=lambda t: (t.start, t.end, t.code)))


def _flag(code: Code, says: str, reason: Reason, match: re.Match[str]) -> Typo:
    return Typo(code, f"“{' '.join(match.group().split())}” {says}", reason, *match.span())


def _is_titled(before: str) -> bool:
    """Whether the word in front is capitalised itself, as in a title; a single letter ("hepatitis C") is not."""
    word = before.rsplit(maxsplit=1)[-1] if before.split() else ""
    return len(word) > 1 and word[0].isupper() and word[1:].islower()


def _unclosed(text: str) -> list[int]:
    """Openers without their closer; full-width brackets close plain ones, as typed in mixed scripts."""
    kinds = {"(": ")", "[": "]", "{": "}", "（": ")", "）": ")"}
    open_at: dict[str, list[int]] = {}
    for position, character in enumerate(text):
        if character in "([{（":
            open_at.setdefault(kinds[character], []).append(position)
        elif character in ")]}）" and (opened := open_at.get(kinds.get(character, character))):
            opened.pop()
    return sorted(place for opened in open_at.values() for place in opened)
