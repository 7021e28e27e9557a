"""Units, limits of normal and percent predicted after a number, through the alias table; an unknown unit is None."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Literal

from fhirtrial.terminology import units
from fhirtrial.terminology.tables import rows

Of = Literal["absolute", "uln", "lln"]

_LIMIT = re.compile(
    r"[\s,(-]*(?:(?:x|\*|times|fold|of|above|over|the|institutional|institution's|local|laboratory|lab|age-adjusted|"
    r"normal's|greater\s+than)[\s-]*){0,7}"
    r"(?:(?P<uln>ULN|UNL|ULRR|uln|ULs?N|upper[\s-]+(?:limits?|levels?|bounds?|end)(?:\s+of)?(?:\s+the)?"
    r"(?:\s+(?:institutional|laboratory|local|normal|reference|range|limits?|values?|labs?|reference))*"
    r"|upper\s+normal(?:\s+(?:limits?|levels?|values?|range))?"
    r"|upper\s+reference\s+(?:limit|range)|normal\s+upper\s+limits?(?:\s+of\s+normal)?|upper\s+normal)"
    r"|(?P<lln>LLN|lower[\s-]+(?:limits?|levels?|bounds?)(?:\s+of)?(?:\s+the)?(?:\s+(?:institutional|laboratory|normal|"
    r"reference|range|limits?))*|normal\s+lower\s+limits?))(?![\w])(?:\s*\(\s*(?:ULN|LLN|UNL)\s*\))?",
    re.IGNORECASE,
)
_PREDICTED = re.compile(
    r"\s*(?:%|percent|per\s*cent)\s*-?\s*(?:of\s+)?(?:the\s+)?(?:age-?\s*)?(?:normal\s+)?(?:predict(?:ed|ive)?|pred)\b(?:\s+(?:normal|value))*",
    re.IGNORECASE,
)
# Powers of ten as a unit's factor, also with the caret lost: "x10^9/L", "10E9/L", "x 109/L", "x 10(9)/L".
_POWER_UNIT = re.compile(
    r"\s*[xX*]?\s*10\s*(?:\^|\*\*?|[eE]|\()?\s*(?P<n>3|6|9|12)\)?\s*(?:cells?\s*)?(?:/|per)\s*(?P<per>L|l|mL|ml|[um]c?[Ll]|mm\^?3|cumm|[lL]itre|[lL]iter)\b"
)
# A spelling → the spelling that the alias table or UCUM knows; words only, never a factor.
_SPELLED = (
    (r"beats?\s*(?:per|/)\s*min(?:ute)?s?", "/min"),
    (r"(?:breaths|bpm|respirations)\s*(?:(?:per|/)\s*min(?:ute)?s?)?", "/min"),
    (r"milli(?:meters?|metres?)\s+(?:of\s+)?(?:mercury|Hg)|mm\s*(?:of\s+)?Hg", "mm[Hg]"),
    (r"m(?:illi)?sec(?:ond)?s?\b|ms\b", "ms"),
    (r"(?:kg|kilograms?)\s*(?:/|per)\s*(?:m\s*\^?\s*2|square\s+met(?:er|re)s?|sq\.?\s*m)", "kg/m2"),
    (r"ml\s*/\s*min(?:ute)?\s*(?:/|per)\s*1[.,]73\s*m?\s*\^?\s*2?", "mL/min/{1.73_m2}"),
    (r"(?:ml|cc)\s*(?:/|per)\s*min(?:ute)?s?", "mL/min"),
    (r"copies\s*(?:/|per)\s*m[lL]", "{copies}/mL"),
    (r"copies\s*(?:/|per)\s*L", "{copies}/L"),
    (
        r"(?:cells?|leukocytes|platelets|lymphocytes)?\s*(?:/|per)\s*(?:mm\s*\^?\s*3|cubic\s+mm|cumm|cubic\s+millimet(?:er|re))",
        "/mm3",
    ),
    (r"(?:cells?|leukocytes|platelets|lymphocytes)?\s*(?:/|per)\s*(?:uL|mcL|ul|mcl|microlit(?:er|re))", "/uL"),
    (r"nanograms?\s*(?:/|per)\s*(?:millilit(?:er|re)s?|ml)", "ng/mL"),
    (r"picograms?\s*(?:/|per)\s*(?:millilit(?:er|re)s?|ml)", "pg/mL"),
    (r"(?:milligrams?|mg)\s*(?:/|per)\s*decilit(?:er|re)s?|milligrams?\s*(?:/|per)\s*dl", "mg/dL"),
    (r"(?:grams?|g)\s*(?:/|per)\s*decilit(?:er|re)s?|grams?\s*(?:/|per)\s*dl", "g/dL"),
    (r"(?:micromoles?|umol|mcmol)\s*(?:/|per)\s*lit(?:er|re)s?|micromoles?\s*(?:/|per)\s*l", "umol/L"),
    (r"(?:millimoles?|mmol)\s*(?:/|per)\s*lit(?:er|re)s?|millimoles?\s*(?:/|per)\s*l", "mmol/L"),
    (r"m(?:illi)?g(?:rams?)?\s*(?:/|per)\s*kg\s*(?:(?:/|per|a)\s*d(?:ay)?|daily|QD)\b", "mg/kg/d"),
    (r"m(?:illi)?g(?:rams?)?\s*(?:(?:/|per|a)\s*d(?:ay)?|daily|QD)\b", "mg/d"),
    (r"(?:mcg|ug|micrograms?)\s*(?:(?:/|per|a)\s*d(?:ay)?|daily)\b", "ug/d"),
    (r"g(?:rams?)?\s*(?:(?:/|per|a)\s*d(?:ay)?|daily)\b", "g/d"),
    (r"degrees?\s*(?:C|Celsius|centigrade)|°\s*C(?:elsius)?|oC\b", "Cel"),
    (r"degrees?\s*(?:F|Fahrenheit)|°\s*F(?:ahrenheit)?", "[degF]"),
    (r"percent|per\s+cent|%", "%"),
    (r"kilograms?\b", "kg"),
    (r"cent(?:i)?met(?:er|re)s?\b", "cm"),
    (r"millimet(?:er|re)s?\b", "mm"),
    (r"pounds?\b", "[lb_av]"),
    (r"years?|yrs?\b|y/o|yo\b", "a"),
    (r"months?|mos?\b", "mo"),
    (r"weeks?|wks?\b", "wk"),
    (r"days?", "d"),
    (r"hours?|hrs?\b", "h"),
    (r"min(?:ute)?s?\b", "min"),
    (r"points?\b|scores?\b", "{score}"),
    (r"letters?\b", "{letters}"),
)
_SPELLED_AT = re.compile(
    "|".join(rf"(?P<u{i}>(?:{words})(?![A-Za-z]))" for i, (words, _) in enumerate(_SPELLED)), re.IGNORECASE
)
_TOKEN = re.compile(r"[A-Za-z%°\[\]{}]+(?:\d(?=[/\s).,;]|$))?|\s?/\s?|\s|[\d.^*]+")
_FULL_STOP = re.compile(r"[A-Za-z0-9%]")


def limit_at(text: str, start: int) -> tuple[Of, int] | None:
    """Upper or lower limit of normal here ("x the upper limit of normal") and where it ends."""
    match = _LIMIT.match(text, start)
    return ("uln" if match["uln"] else "lln", match.end()) if match else None


def predicted_at(text: str, start: int) -> int | None:
    match = _PREDICTED.match(text, start)
    return match.end() if match else None


def unit_at(text: str, start: int) -> tuple[str, int] | None:
    """The unit written at `start` (a space before it is fine), in UCUM, and where it ends; the longest that is one."""
    power = _POWER_UNIT.match(text, start)
    if power:
        per = "uL" if power["per"].lower() in {"ul", "mcl", "ucl"} else power["per"]
        per = {"l": "L", "ml": "mL", "litre": "L", "liter": "L", "cumm": "mm3"}.get(per.lower(), per).replace("^", "")
        return f"10*{power['n']}/{per}", power.end()
    at = start
    while at < len(text) and at < start + 2 and text[at] in " -":
        at += 1
    if at >= len(text) or not (text[at].isalpha() or text[at] in "%/°["):
        return None
    best: tuple[str, int] | None = None
    spelled = _SPELLED_AT.match(text, at)
    if spelled:
        best = (_SPELLED[int(str(spelled.lastgroup)[1:])][1], spelled.end())
    end = at
    for _ in range(8):
        token = _TOKEN.match(text, end)
        if token is None:
            break
        end = token.end()
        if end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
            continue
        stop = at + len(text[at:end].rstrip())
        if best is None or stop > best[1]:
            unit = _known(text[at:stop])
            if unit is not None and _is_unit_here(text, at, stop):
                best = (unit, stop)
    return best


def _is_unit_here(text: str, start: int, end: int) -> bool:
    """Single letters that are words or grades ("a", "C") are no units, "in" is mostly a preposition."""
    written = text[start:end].strip()
    return written not in {"a", "in", "C", "F", "A", "d", "s", "m", "mo", "M", "K", "T", "G", "I"} or (
        text[start - 1 : start].isdigit() and written in {"d", "s", "m"}
    )


@lru_cache(maxsize=8192)
def _known(written: str) -> str | None:
    if not written or not _FULL_STOP.search(written):
        return None
    for form in (written, written.replace(" ", ""), written.replace("per ", "/").replace(" ", "")):
        if form in units.aliases() or units.known(form):
            return units.normalize(form)
    return _folded().get(written.replace(" ", "").lower()) if len(written.replace(" ", "")) > 2 else None


@cache
def _folded() -> dict[str, str]:
    """Units by their letters in lower case, where that leaves one unit: "MG/DL", "Ml/Min"."""
    found: dict[str, set[str]] = {}
    for written in (*units.aliases(), *(row[0] for row in rows("units.tsv"))):
        found.setdefault(written.lower(), set()).add(units.normalize(written))
    return {written: meant.pop() for written, meant in found.items() if len(meant) == 1}
