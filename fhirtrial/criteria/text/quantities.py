"""The lexer of comparisons: operator, number, unit or limit of normal, in either order, and ranges.

A bare "=" before a number is a lost operator more often than an equation: it is marked, and never encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from fhirtrial.criteria.text.lexemes import Bound, Bounds, Lexeme
from fhirtrial.criteria.text.measures import Of, limit_at, predicted_at, unit_at
from fhirtrial.criteria.text.normalize import normalize
from fhirtrial.criteria.text.numbers import DIGITS, SPELLED, number_at, power_at
from fhirtrial.criteria.text.operators import PREFIX, SUFFIX, prefix_op, suffix_op
from fhirtrial.criteria.tree import Op

_START = re.compile(rf"(?<![\w.^])(?:{DIGITS}(?!\d)|{SPELLED}\b)", re.IGNORECASE)
_GAP = re.compile(
    r"\s*(?:\(\s*[<>=]+\s*\)\s*)?(?:(?:of|to|is|a|an|the|factor|about|approximately|value|:|age|ages)\b\s*)*",
    re.IGNORECASE,
)
_TO = re.compile(r"\s*(?:-|to|through|and|until)\s*(?:<=\s*|<\s*|up\s+to\s+)?", re.IGNORECASE)
_AND = re.compile(r"\s*,?\s*(?:and|but|to|&)\s*", re.IGNORECASE)
_BETWEEN = re.compile(
    r"(?:between|from|range\s*(?:of|:)?|ranging\s+from|ages?d?)\s*(?:the\s+ages\s+of\s*|of\s*)?$", re.IGNORECASE
)
_PERCENT_OF = re.compile(
    r"\s*%\s*(?:(?P<above>above|over|greater\s+than|higher\s+than)|(?P<below>below|under|less\s+than)|of)?\s*",
    re.IGNORECASE,
)
_ATTACHED = re.compile(r"[A-Za-z]+\d?(?:/[A-Za-z]+\d?)*(?![\w])")
# The scale's maximum behind a score, "142/150"; never a unit or a date.
_MAXIMUM = re.compile(r"\s?/\s?(\d{1,3})(?![\w./]|\s*(?:mm|mL|%))")
_SPACE = re.compile(r"\s*")


def find_quantities(text: str) -> Iterator[Lexeme]:
    """Comparisons and bare numbers, left to right, none inside another."""
    done = 0
    prefixes = iter(PREFIX.finditer(text))
    numbers = iter(_START.finditer(text))
    prefix, number = next(prefixes, None), next(numbers, None)
    while prefix is not None or number is not None:
        if prefix is not None and (number is None or prefix.start() <= number.start()):
            found = _after_operator(text, prefix) if prefix.start() >= done else None
            prefix = next(prefixes, None)
        else:
            assert number is not None  # noqa: S101 - the loop's condition, told to the type checker
            found = _after_number(text, number) if number.start() >= done else None
            number = next(numbers, None)
        if found is not None:
            yield found
            done = found.end


def read_value(text: str) -> tuple[Bound, ...]:
    """What a stretch of text that is a value and nothing else says: the comparisons found in it."""
    found = [lexeme.value for lexeme in find_quantities(normalize(text).text) if lexeme.kind == "compare"]
    return tuple(bound for value in found if isinstance(value, Bounds) for bound in value.each)


def _after_operator(text: str, match: re.Match[str]) -> Lexeme | None:
    op = prefix_op(match)
    gap = _GAP.match(text, match.end())
    at = gap.end() if gap else match.end()
    quantity = _quantity(text, at, loose=True)
    if quantity is None:
        limit = limit_at(text, match.end())
        if limit is None or op == "=":
            return None
        return _compare(text, match.start(), limit[1], Bound(op, 1.0, of=limit[0]))
    bound, end = quantity
    scale = _MAXIMUM.match(text, end)
    if scale is not None and bound.unit is None and bound.of == "absolute" and float(scale[1]) >= bound.value:
        bound, end = replace(bound, maximum=float(scale[1])), scale.end()
    suffix = SUFFIX.match(text, _skip(text, end))
    if op == "=":
        if suffix is None:
            return _compare(text, match.start(), end, replace(bound, op="=", lost=True))
        op = suffix_op(suffix)
        end = suffix.end()
    elif suffix and op == ">" and suffix_op(suffix) == ">=" and suffix.group() != "+":
        op, end = ">=", suffix.end()
    elif (equal := re.compile(r"\s*or\s+equal(?:\s+to)?\b", re.IGNORECASE).match(text, end)) is not None:
        op, end = (">=" if op in {">", ">="} else "<="), equal.end()
    return _both_ends(text, match.start(), end, replace(bound, op=op)) or _compare(
        text, match.start(), end, replace(bound, op=op)
    )


def _both_ends(text: str, start: int, end: int, first: Bound) -> Lexeme | None:
    """As in ">= 18 and <= 65 years": the other end of a range, said of the same quantity; the unit may stand once."""
    then = _AND.match(text, end)
    match = PREFIX.match(text, then.end()) if then else None
    gap = _GAP.match(text, match.end()) if match else None
    second = _quantity(text, gap.end(), loose=True) if gap else None
    if match is None or second is None or prefix_op(match) == "=" or prefix_op(match)[0] == first.op[0]:
        return None
    other = replace(second[0], op=prefix_op(match))
    if not (_alike(first, other) and first.of in {"absolute", other.of} and not first.predicted):
        return None
    first = replace(first, unit=other.unit, of=other.of, predicted=other.predicted)
    low, high = (first, other) if first.op[0] == ">" else (other, first)
    if low.value >= high.value:
        return None
    return Lexeme("compare", start, second[1], text[start : second[1]].lower(), Bounds((low, high)))


def _after_number(text: str, match: re.Match[str]) -> Lexeme | None:
    first = _quantity(text, match.start())
    if first is None:
        return None
    low, end = first
    to = _TO.match(text, end)
    if (
        to
        and to.group().strip()
        and (to.group().strip().lower() != "and" or _BETWEEN.search(text[max(0, match.start() - 30) : match.start()]))
    ):
        second = _quantity(text, to.end())
        if second is not None and second[0].value > low.value and _alike(low, second[0]):
            high, end = second
            upper: Op = "<" if "<" in to.group() and "<=" not in to.group() else "<="
            of, unit = high.of, high.unit or low.unit
            each = (
                replace(low, op=">=", unit=unit, of=of, predicted=high.predicted),
                replace(high, op=upper, unit=unit),
            )
            begin = _BETWEEN.search(text[max(0, match.start() - 30) : match.start()])
            start = match.start() - (
                len(begin.group()) if begin and begin.group().lower().startswith(("between", "from", "rang")) else 0
            )
            return Lexeme("compare", start, end, text[start:end].lower(), Bounds(each))
    suffix = SUFFIX.match(text, _skip(text, end))
    if suffix is not None:
        return _compare(text, match.start(), suffix.end(), replace(low, op=suffix_op(suffix)))
    return Lexeme("number", match.start(), end, text[match.start() : end].lower(), Bounds((low,)))


def _alike(low: Bound, high: Bound) -> bool:
    return low.unit in {None, high.unit} or high.unit is None


def _quantity(text: str, start: int, *, loose: bool = False) -> tuple[Bound, int] | None:
    number = number_at(text, start)
    if number is None:
        return None
    value, end = number
    unit: str | None = None
    of: Of = "absolute"
    limit = limit_at(text, end)
    predicted = predicted_at(text, end)
    if limit is not None:
        return Bound("=", value, of=limit[0]), limit[1]
    if predicted is not None:
        return Bound("=", value, "%", predicted=True), predicted
    percent = _PERCENT_OF.match(text, end)
    if percent and (limit := limit_at(text, percent.end())) is not None:
        # "20 % above the upper limit" is 1.2 times it, "150 % of" it 1.5 times.
        share = 100 + value if percent["above"] else 100 - value if percent["below"] else value
        return Bound("=", share / 100, of=limit[0]), limit[1]
    measured = unit_at(text, end)
    if measured is not None:
        unit, end = measured
    elif (power := power_at(text, end)) is not None:
        value = 10.0 ** power[0] if value == 10 and text[end : end + 1] == "^" else value * 10.0 ** power[0]
        end = power[1]
        if (measured := unit_at(text, end)) is not None:
            unit, end = measured
    elif end < len(text) and (text[end].isalpha() or (text[end] == "-" and text[end + 1 : end + 2].isalpha())):
        # "2b", "5-HT": the number belongs to a word; after an operator it is a unit that is not known here.
        written = _ATTACHED.match(text, end)
        if not loose or written is None:
            return None
        unit, end = written.group().strip(), written.end()
    return Bound("=", value, unit, of), end


def _compare(text: str, start: int, end: int, bound: Bound) -> Lexeme:
    return Lexeme("compare", start, end, text[start:end].lower(), Bounds((bound,)))


def _skip(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start
