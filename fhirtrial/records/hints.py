"""Words outside the eligibility section that sound like eligibility: shown to a reader, never made a criterion."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fhirtrial.records.record import Hint, SourceDefect

_SENTENCE = re.compile(r"[^.!?\n]+(?:\.(?=\d)[^.!?\n]*)*[.!?]?")
_ABOUT_WHO = re.compile(
    r"\b(?:adults?|children|adolescents|elderly|aged? \d|treatment-na[iï]ve|eligible)\b", re.IGNORECASE
)
_ASKED_BY = frozenset({"missing_section", "missing_list", "no_age_information"})


def find_hints(texts: Mapping[str, str], defects: Sequence[SourceDefect]) -> tuple[Hint, ...]:
    """Sentences of the given fields that say who takes part, where the document itself lost that."""
    if not any(d.code in _ASKED_BY and d.explained_by is None for d in defects):
        return ()
    return tuple(
        Hint(path=path, text=" ".join(match.group().split()))
        for path, text in texts.items()
        for match in _SENTENCE.finditer(text)
        if _ABOUT_WHO.search(match.group())
    )
