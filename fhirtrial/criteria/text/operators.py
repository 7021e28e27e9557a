"""Comparators in symbols and in words, before or after their number; one table, read once."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fhirtrial.criteria.tree import Op

_OR_EQUAL = r"\s*,?\s*(?:(?:than\s+)?or\s+(?:is\s+)?equal(?:s|led)?(?:\s+to|\s+than)?|or\s*=|/\s*equal(?:\s+to)?)"
_MORE = r"(?:greater|more|higher|larger|longer|older|bigger|above)"
_LESS = r"(?:less|lower|fewer|smaller|shorter|younger|below)"
_NOT = r"(?:(?:(?:should|must|may|can|shall|will)\s+)?not\s+be|no|not)"
_OF_AGE = r"(?:of\s+age\s*,?\s*|olds?\s*,?\s*|\(inclusive\)\s*)?"
_PREFIX: tuple[tuple[Op, str], ...] = (
    (">=", r">\s*(?:/|or)?\s*=|>\s*or\s+equal\s+to|=\s*(?:/|or)?\s*>|\+\s*/\s*=|>\s*_"),
    ("<=", r"<\s*(?:/|or)?\s*=|<\s*or\s+equal\s+to|=\s*(?:/|or)\s*<|=<"),
    (">=", rf"{_MORE}(?:\s+than)?{_OR_EQUAL}|equal\s+(?:to\s+)?or\s+{_MORE}(?:\s+than)?"),
    ("<=", rf"{_LESS}(?:\s+than)?{_OR_EQUAL}|equal\s+(?:to\s+)?or\s+{_LESS}(?:\s+than)?"),
    (
        ">=",
        rf"(?:a\s+)?minimum\s+(?:value\s+)?(?:of|is|:)|{_NOT}\s+(?:less|lower|fewer|younger|below)(?:\s+than)?|at\s+least",
    ),
    (
        "<=",
        rf"(?:a\s+)?maximum\s+(?:value\s+)?(?:of|is|:)|{_NOT}\s+(?:more|greater|higher|older|above|over)(?:\s+than)?",
    ),
    (
        "<=",
        r"(?:does|do|did|should|must|may|can)?\s*not\s+(?:to\s+)?exceed(?:ing)?|not\s+exceeding|at\s+most|up\s+to|at\s+maximum",
    ),
    (">", rf"(?:{_MORE}|in\s+excess)\s+(?:than|of)|over|above|exceed(?:s|ing|ed)?|beyond|superior\s+to"),
    ("<", rf"{_LESS}\s+than|under|below|inferior\s+to"),
    (">", r">"),
    ("<", r"<"),
    ("=", r"equals?(?:\s+to)?"),
    ("=", r"="),
)
_SUFFIX: tuple[tuple[Op, str], ...] = (
    (
        ">=",
        rf"{_OF_AGE}(?:or|and)\s+(?:more|greater|higher|above|older|over|longer|up|upwards?|later|larger)(?!\s+than)",
    ),
    ("<=", rf"{_OF_AGE}(?:or|and)\s+(?:less|lower|below|younger|under|fewer|shorter|smaller)(?!\s+than)"),
    (">=", r"\+(?![\w/])"),
)


def _compiled(table: tuple[tuple[Op, str], ...]) -> tuple[re.Pattern[str], Mapping[str, Op]]:
    parts, ops = [], {}
    for place, (op, words) in enumerate(table):
        bounded = rf"(?<![a-z])(?:{words})(?![a-z])" if re.match(r"[(a-z]", words) else rf"(?:{words})"
        parts.append(f"(?P<o{place}>{bounded})")
        ops[f"o{place}"] = op
    return re.compile("|".join(parts), re.IGNORECASE), ops


PREFIX, _PREFIX_OPS = _compiled(_PREFIX)
SUFFIX, _SUFFIX_OPS = _compiled(_SUFFIX)


def prefix_op(match: re.Match[str]) -> Op:
    """The comparator that PREFIX matched."""
    return _PREFIX_OPS[str(match.lastgroup)]


def suffix_op(match: re.Match[str]) -> Op:
    return _SUFFIX_OPS[str(match.lastgroup)]
