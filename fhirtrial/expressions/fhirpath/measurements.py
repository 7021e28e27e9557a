"""Numeric results against a bound in FHIRPath: each result becomes one text, then the latest, any or all decide.

A result is an Observation or a component of one. Its text is grade|placed|empty|first instant|last instant, where grade
and placed are 2 (yes), 1 (open), 0 (no). Multiples of limits, ratios of two results and classes are not told here.
"""

from __future__ import annotations

from fhirtrial.criteria.tree import Measurement
from fhirtrial.expressions.fhirpath import days
from fhirtrial.expressions.fhirpath.concepts import Meaning, meaning, named, was
from fhirtrial.expressions.fhirpath.days import Days
from fhirtrial.expressions.fhirpath.units import bare, converted, unit_of
from fhirtrial.expressions.fhirpath.words import CEILING, EMPTY, FLOOR, extreme, let, number, presumed, when
from fhirtrial.terminology import Terminology, units
from fhirtrial.terminology.policy import load_policy

FAMILY = "observations"
_DAWN, _DUSK = "'0001-01-01T00:00:00.000Z'", "'9999-12-31T23:59:59.999Z'"
_EXTREMES = {("max", ">"), ("max", ">="), ("min", "<"), ("min", "<=")}
_DIGITS = 12
_TURNED = (("<", ">"), ("<=", ">="), (">", "<"), (">=", "<="))


def measurement(atom: Measurement, terminology: Terminology) -> str | None:
    """None where the concept's codes cannot be written out; only for absolute bounds in a window that is known."""
    said, span = meaning(atom.concept, terminology), window(atom, terminology)
    if said is None or span is None:
        return None
    select = atom.select
    if select in {"min", "max"}:
        select = "any" if (select, atom.op) in _EXTREMES else "all"
    rows = _rows(atom, said, span, select, terminology)
    filled = (
        "%rows.where(split('|')[1] != '0' and (split('|')[2] = 'e' and split('|')[0] = '1'"
        " and %rows.where(split('|')[1] = '2' and (split('|')[2] = 'e' and split('|')[0] = '1').not()).exists()).not())"
    )
    steps = [("rows", rows), ("filled", filled), ("inside", "%filled.where(split('|')[1] = '2')")]
    if select == "latest":
        steps += _latest()
        truth = _AGREED
    else:
        truth = _any(atom.count) if select == "any" else _ALL
    judged = f"%context.{let(*steps)}select({truth})"
    return presumed(judged, FAMILY) if span.assumed else judged


def window(atom: Measurement, terminology: Terminology) -> Days | None:
    if atom.window is not None:
        return days.resolved(atom.window)
    return days.recent(load_policy().recency_days(terminology.concept(atom.concept)))


def _latest() -> list[tuple[str, str]]:
    """Those that may be as late as the latest."""
    first, last = "split('|')[3].toDateTime()", "split('|')[4].toDateTime()"
    top = extreme(f"%inside.select({last})", ">")
    since = extreme(f"%inside.where({last} >= %top).select({first})", "<")
    late = f"where(%since.empty() or {last} >= %since)"
    return [
        ("top", top),
        ("since", since),
        ("deciding", f"%inside.{late}.select(split('|')[0]).distinct()"),
        ("unplaced", f"%filled.where(split('|')[1] = '1').{late}.select(split('|')[0])"),
    ]


_AGREED = when(
    ("%deciding.count() != 1 or %deciding = '1'", EMPTY),
    ("%unplaced.where($this != %deciding).exists()", EMPTY),
    otherwise="%deciding = '2'",
)
_ALL = when(
    ("%inside.empty()", EMPTY),
    ("%inside.where(startsWith('0')).exists()", "false"),
    ("%filled.where(startsWith('1') or (split('|')[1] = '1' and startsWith('0'))).exists()", EMPTY),
    otherwise="true",
)


def _any(count: int) -> str:
    """The k-th best; one that may lie outside can only keep it open, and fewer than are counted leave it open too."""
    yes = "%inside.where(startsWith('2')).count()"
    doubtful = "%filled.where(split('|')[1] = '1' and startsWith('0').not()).count()"
    maybe = f"%inside.where(startsWith('0').not()).count() + {doubtful}"
    return when(
        ("%inside.empty()", EMPTY),
        (f"{yes} >= {count}", "true"),
        (f"{maybe} >= {count}", EMPTY),
        (f"%filled.count() >= {count}", "false"),
        (f"{maybe} > 0", EMPTY),
        otherwise="false",
    )


def _rows(atom: Measurement, said: Meaning, span: Days, select: str, terminology: Terminology) -> str:
    concept = terminology.concept(atom.concept)
    to = atom.unit or concept.unit or ""
    steps = [
        ("sure", _sure()),
        *_value(),
        ("from", converted("%lower", "%unit", atom.concept, to, terminology)),
        ("to", converted("%upper", "%unit", atom.concept, to, terminology)),
        ("met", _meets(atom)),
    ]
    # Of several, one that may be another concept's and does not say so anyway is no result of this one.
    kept = ".where(iif(%named.empty() and %met = false, false, true))" if select == "any" else ""
    own = f"iif({was('code', said)}, true, {named('code', said)})"
    judged = f"%node.select({let(*steps)}$this{kept}.select({_text(span)}))"
    return (
        "%context.entry.resource.ofType(Observation)"
        ".where(status.exists() and (status in ('cancelled' | 'entered-in-error')).not())"
        f".select({let(('self', '$this'))}select(%self.combine(%self.component).select("
        f"{let(('node', '$this'), ('named', own))}where(%named.empty() or %named).select("
        f"%self.select({let(*_moment())}where(%finish >= %low).select({judged}))))))"
    )


def _text(span: Days) -> str:
    """A component with a modifier that nobody understands is as open as an Observation with one."""
    began = days.began("%low", f"({extreme('(%high | %finish)', '>')})", span)
    unsure = "modifierExtension.exists() or (%named and %sure).empty() or %met.empty()"
    grade = f"iif({unsure}, '1', iif(%met, '2', '0'))"
    placed = f"({began}).select(iif($this, '2', '0')).combine('1').first()"
    return f"{grade} & '|' & {placed} & '|' & iif(%void and %met.empty(), 'e', 'f') & '|' & %first & '|' & %last"


def _value() -> list[tuple[str, str]]:
    """The result as an interval in one unit; a Range without one end is open there, a Ratio is divided."""
    quantity, span, ratio = (f"value.ofType({kind})" for kind in ("Quantity", "Range", "Ratio"))
    over, under = f"{ratio}.numerator", f"{ratio}.denominator"
    units_of = f"({unit_of(f'{span}.low')} | {unit_of(f'{span}.high')}).where($this != '')"
    plain = f"({quantity}.value | value.ofType(integer)).first()"
    quotient = f"{over}.value / {under}.value"
    bare_quantity = f"{quantity}.exists() and {quantity}.value.empty()"
    nothing = f"value.empty() or value.ofType(SampledData).exists() or ({bare_quantity})"
    plain_unit = f"iif(%divides, {_unit_of_ratio(over, under)}, {unit_of(quantity)})"
    one_sign = f"({over}.comparator.exists() and {under}.comparator.exists()).not()"
    turned = " | ".join(f"iif($this = '{sign}', '{back}')" for sign, back in _TURNED)
    return [
        ("units", units_of),
        ("spans", f"({span}.low.value.exists() or {span}.high.value.exists()) and %units.count() < 2"),
        ("signs", f"{over}.comparator.toString() | {under}.comparator.toString().select({turned})"),
        ("divides", f"{over}.value.exists() and {under}.value.where($this != 0).exists() and {one_sign}"),
        ("single", f"iif(%divides, {quotient}, {plain})"),
        ("lower", f"iif(%spans, {span}.low.value, %single)"),
        ("upper", f"iif(%spans, {span}.high.value, %single)"),
        ("bottom", f"%spans and {span}.low.value.empty()"),
        ("top", f"%spans and {span}.high.value.empty()"),
        ("sign", f"iif(%divides, %signs, {quantity}.comparator.toString())"),
        ("unit", f"iif(%spans, iif(%units.exists(), %units.first(), ''), {plain_unit})"),
        ("unitBare", bare("%unit")),
        ("void", f"{nothing} or ({span}.exists() and %spans.not()) or ({ratio}.exists() and %divides.not())"),
    ]


def _unit_of_ratio(over: str, under: str) -> str:
    below = unit_of(under)
    return f"iif({below} in ('' | '1'), {unit_of(over)}, {unit_of(over)} & '/' & {below})"


def _meets(atom: Measurement) -> str:
    """All of the interval meets the bound, or none of it does, at the digits that are compared."""
    times = units.magnified(atom.value)
    bound = units.comparable(atom.value * times)
    places = max(0, min(units.DECIMALS, _DIGITS - len(str(int(abs(bound))))))
    lower, upper = ("%from", "%to") if times == 1 else (f"(%{end} * {number(times)})" for end in ("from", "to"))
    low, high, at = f"{lower}.round({places})", f"{upper}.round({places})", number(bound)
    no_low, no_high = "(%bottom or %sign in ('<' | '<='))", "(%top or %sign in ('>' | '>='))"
    low_open = f"({no_low} or %sign = '>')"
    high_open = f"({no_high} or %sign = '<')"
    above = f"({_not(no_low)} and ({low} > {at} or ({low} = {at} and {_is(low_open)})))"
    below = f"({_not(no_high)} and ({high} < {at} or ({high} = {at} and {_is(high_open)})))"
    at_least, at_most = f"({_not(no_low)} and {low} >= {at})", f"({_not(no_high)} and {high} <= {at})"
    yes, no = {
        ">": (above, at_most),
        ">=": (at_least, below),
        "<": (below, at_least),
        "<=": (at_most, above),
        "=": (
            f"({_not(low_open)} and {_not(high_open)} and {low} = {at} and {high} = {at})",
            f"({above} or {below})",
        ),
    }[atom.op]
    unknown = "(%from.empty() and %bottom.not()) or (%to.empty() and %top.not()) or (%from.empty() and %to.empty())"
    return when((unknown, EMPTY), (yes, "true"), (no, "false"), otherwise=EMPTY)


def _is(test: str) -> str:
    return f"iif({test}, true, false)"


def _not(test: str) -> str:
    return f"iif({test}, false, true)"


def _sure() -> str:
    about = "%self.focus.where(iif(reference = %self.subject.reference, false, true)).exists()"
    return when(
        (f"%self.modifierExtension.exists() or %self.implicitRules.exists() or {about}", EMPTY),
        ("%self.status in ('final' | 'amended' | 'corrected')", "true"),
        otherwise=EMPTY,
    )


def _moment() -> list[tuple[str, str]]:
    """When it was measured; without that, some time up to when it was issued."""
    timing = "effective.ofType(Timing)"
    bounds = f"{timing}.where(event.empty()).repeat.bounds.ofType(Period)"
    point = "effective.ofType(dateTime) | effective.ofType(instant)"
    begin = _instant("$this", "T00:00:00.000Z", days.earliest("$this"))
    events = [extreme(f"{timing}.event", op) for op in "<>"]
    start = f"({point} | effective.ofType(Period).start | {events[0]} | {bounds}.start).first().toString()"
    end = f"(effective.ofType(Period).end | {events[1]} | {bounds}.end).first().toString()"
    return [
        ("start", start),
        ("end", end),
        ("begun", "iif(%start.exists(), %start, %end)"),
        ("ended", "iif(%end.exists(), %end, %start)"),
        ("issuedOn", "issued.toString()"),
        ("low", f"iif(%start.exists(), %start.select({days.earliest('$this')}), {FLOOR})"),
        ("high", _day_or("%begun", _day_or("%issuedOn", CEILING))),
        ("finish", _day_or("%ended", _day_or("%issuedOn", CEILING))),
        ("first", f"iif(%start.exists(), %start.select({begin}), {_DAWN})"),
        ("last", _moment_or("%ended", _moment_or("%issuedOn", _DUSK))),
    ]


def _day_or(text: str, otherwise: str) -> str:
    return f"iif({text}.exists(), {text}.select({days.latest('$this')}), {otherwise})"


def _moment_or(text: str, otherwise: str) -> str:
    end = _instant("$this", "T23:59:59.999Z", days.latest("$this"))
    return f"iif({text}.exists(), {text}.select({end}), {otherwise})"


def _instant(text: str, time: str, day: str) -> str:
    """A moment with a time stands as it is; a day or more is taken in UTC, as a day has no offset."""
    return f"iif({text}.length() > 10, {text}, ({day}) & '{time}')"
