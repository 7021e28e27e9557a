"""Names that the terminology does not know, told by their head: "hepatic artery chemoembolization" is a procedure.

A term is never encoded; finding it keeps its words together, names its kind for a reviewer, and stands in the residue.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from fhirtrial.criteria.text.lexemes import Domain

_DATA: dict[str, Any] = tomllib.loads(
    (files("fhirtrial.criteria.text") / "data" / "terms.toml").read_text(encoding="utf-8")
)
_DOMAINS: tuple[Domain, ...] = ("lab", "procedure", "medication", "condition")
_WORDS: dict[str, Domain] = {word: domain for domain in _DOMAINS for word in _DATA[domain]["words"].split()}
_ENDINGS = tuple(
    (domain, re.compile(rf"(?:{'|'.join(_DATA[domain]['endings'].split())}){'s?' if _DATA[domain]['plural'] else ''}$"))
    for domain in _DOMAINS
)
_NO_TERMS = frozenset(_DATA["none"]["words"].split())
_SHORTEST = 6
# Heads that name nothing without a modifier: "disease", "therapy".
GENERIC: frozenset[str] = _NO_TERMS | frozenset(_DATA["none"]["generic"].split())


@lru_cache(maxsize=65536)
def domain_of(word: str) -> Domain | None:
    """The kind of thing that a head word names; None where it tells nothing."""
    if word in _WORDS:
        return _WORDS[word]
    if len(word) < _SHORTEST or word in _NO_TERMS:
        return None
    return next((domain for domain, ending in _ENDINGS if ending.search(word)), None)
