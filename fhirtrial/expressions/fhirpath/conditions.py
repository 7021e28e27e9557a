"""Conditions in FHIRPath: each Condition becomes one text, its grade and the day it is told of; then they are weighed.

The grade of a fact is 2 (it is), 1 (it may be), 0 (it is not). What a severity, course or stage says is not told here.
"""

from __future__ import annotations

from fhirtrial.criteria.tree import Condition
from fhirtrial.expressions.fhirpath import days
from fhirtrial.expressions.fhirpath.concepts import Meaning, any_of, in_systems, meaning, named, was
from fhirtrial.expressions.fhirpath.days import Days
from fhirtrial.expressions.fhirpath.words import (
    CEILING,
    EMPTY,
    FLOOR,
    TODAY,
    extreme,
    let,
    one_of,
    presumed,
    string,
    when,
)
from fhirtrial.terminology import Code, Terminology
from fhirtrial.terminology.policy import load_policy
from fhirtrial.terminology.systems import URIS

FAMILY = "conditions"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_NOW = one_of(("active", "recurrence", "relapse"))
_PAST = one_of(("remission", "inactive", "resolved"))
_OPEN = one_of(("unconfirmed", "provisional", "differential"))
_SHARED = "%low", "%high", "%endLow", "%endHigh"


def _status(element: str, system: str) -> str:
    """The code of a status in its own code system or in none."""
    return (
        f"{element}.coding.where(code.exists() and iif(system.exists(), system = {string(system)}, true)).first().code"
    )


_CONDITIONS = (
    "%context.entry.resource.ofType(Condition)"
    f".where(iif({_status('verificationStatus', _VERIFICATION)} = 'entered-in-error', false, true))"
)


def condition(atom: Condition, terminology: Terminology) -> str | None:
    """None where its codes cannot be written out; a window that no record anchors is asked about before."""
    asked = [meaning(name, terminology) for name in (atom.concept, *atom.also, *atom.unless)]
    said = [one for one in asked if one is not None]
    span = window(atom)
    if len(said) < len(asked) or span is None:
        return None
    also, unless = said[1 : 1 + len(atom.also)], said[1 + len(atom.also) :]
    judged = _judged(_absent(atom.concept, span, terminology))
    rows = _rows(atom, span, said[0], also, unless, terminology)
    truth = f"%context.{let(('rows', rows))}select({judged})"
    return presumed(truth, FAMILY) if span.assumed else truth


def window(atom: Condition) -> Days | None:
    default = days.AT if atom.when == "active" else days.UNTIL
    return default if atom.window is None else days.resolved(atom.window)


def _rows(
    atom: Condition, span: Days, own: Meaning, also: list[Meaning], unless: list[Meaning], terminology: Terminology
) -> str:
    """F2|day for a fact that it is (F1 may be, F0 is not), D|day for a denial; what cannot be read is left out."""
    grade = " and ".join(
        [
            f"iif(%past, {_then(atom)} and {days.overlaps(*_SHARED, days.UNTIL)}, %named and {_now(atom, span)})",
            "%standing",
            *(f"({named('code', one)} or {was('code', one)})" for one in also),
            *(f"({named('code', one)} or {was('code', one)}).not()" for one in unless),
        ]
    )
    graded = "'F' & iif(%met.empty(), '1', iif(%met, '2', '0')) & '|' & %told"
    denied = f"%low <= {TODAY} and (({_refuted(atom.concept, terminology)}) or (%denies and %standing))"
    denials = [c for member in terminology.members(atom.concept) for c in terminology.concept(member).denials]
    asked = [
        ("named", named("code", own)),
        ("past", f"({was('code', own)}) and iif(%named, false, true)"),
        ("denies", any_of("code", denials)),
    ]
    told = f"iif(%high < {CEILING}, %high, {_or(_first_day('recordedDate'), FLOOR)})"
    steps = [("standing", _standing()), ("told", told), ("met", grade)]
    fact = f"iif(%past or %named.empty() or %named, {graded})"
    denial = f"iif({denied}, 'D|' & iif(%told = {FLOOR}, {CEILING}, %told))"
    return (
        f"{_CONDITIONS}.select({let(*asked)}where(%past or %denies or %named.empty() or %named)"
        f".select({let(*_times())}where(%endHigh >= %low).select({let(*steps)}select({fact} | {denial}))))"
    )


def _judged(absent: str) -> str:
    yes = "%rows.where(startsWith('F2')).exists()"
    maybe = "%rows.where(startsWith('F1')).exists()"
    denials = "%rows.where(startsWith('D'))"
    first = extreme("%rows.where(startsWith('F2')).select(substring(3))", "<")
    last = extreme(f"{denials}.select(substring(2))", ">")
    return when(
        (f"{denials}.empty()", when((yes, "true"), (maybe, EMPTY), otherwise=absent)),
        (yes, f"iif({last} >= {first}, {EMPTY}, true)"),
        (maybe, EMPTY),
        otherwise="false",
    )


def _absent(concept: str, span: Days, terminology: Terminology) -> str:
    """What nothing recorded means: the policy, what was loaded, since when, and in which code system."""
    if load_policy().absence("condition", terminology.concept(concept)) != "presumed-no":
        return EMPTY
    complete = [uri for uri in URIS.values() if terminology.is_complete(concept, uri)]
    used = f" or {_CONDITIONS}.where({in_systems('code', complete)}).exists()" if complete else ""
    return when(
        (f"%RecordStart.toString() > {span.first}", EMPTY),
        (f"{_CONDITIONS}.empty(){used}", presumed("false", FAMILY)),
        otherwise=EMPTY,
    )


def _refuted(concept: str, terminology: Terminology) -> str:
    """The concept's head code, refuted."""
    heads: dict[str, Code] = {}
    for code in terminology.concept(concept).codes:
        heads.setdefault(code.system, code)
    return f"%standing = false and ({any_of('code', heads.values())})"


def _now(atom: Condition, span: Days) -> str:
    begun = f"(%high <= {TODAY} or (%low = {FLOOR} and %high = {CEILING}))"
    lasting = f"%endHigh = {CEILING}"
    open_course = f"iif(%course in {_NOW} or %course in {_PAST}, false, true)"
    current = when(
        (f"%course in {_PAST} and {lasting}", "false"),
        (f"{open_course} and {lasting} and {begun}", presumed("true", FAMILY)),
        (f"%course in {_NOW} and {begun}", "true"),
        otherwise=days.overlaps(*_SHARED, days.AT),
    )
    within = days.overlaps(*_SHARED, span)
    match atom.when:
        case "onset":
            return days.began("%low", "%high", span)
        case "active" if atom.window is None:
            return current
        case "history":
            return f"(({current}).not() and {within})"
    if span.last != TODAY:
        return within
    return when(
        (f"{open_course} and {lasting} and {begun}", f"({within} or {presumed('true', FAMILY)})"),
        (current, "true"),
        otherwise=within,
    )


def _then(atom: Condition) -> str:
    """Codes of a history say that it was once so, not when, and that it is not so now."""
    match atom.when:
        case "onset":
            return EMPTY
        case "active":
            return "false"
        case "history":
            return "true"
        case _:
            return "true" if atom.window is None else EMPTY


def _standing() -> str:
    verified = _status("verificationStatus", _VERIFICATION)
    return when(
        ("modifierExtension.exists() or implicitRules.exists()", EMPTY),
        (f"{verified} = 'refuted'", "false"),
        (f"{verified} in {_OPEN}", EMPTY),
        otherwise="true",
    )


def _first_day(path: str) -> str:
    return f"{path}.toString().select({days.earliest('$this')})"


def _last_day(path: str) -> str:
    return f"{path}.toString().select({days.latest('$this')})"


def _or(value: str, otherwise: str) -> str:
    """The value where there is one; `otherwise` stands alone, without the path in front of it."""
    return f"({value}).combine({otherwise}).first()"


def _aged(element: str, *, last: bool) -> str:
    """The day of an onset or abatement told as an age, or a range of ages."""
    bound, side, closed = ("%bornLast", "high", ">") if last else ("%bornFirst", "low", "<")
    outer = CEILING if last else FLOOR
    age = f"({element}.ofType(Age) | {element}.ofType(Range).{side}).first()"
    at = f"{age}.select({days.at_age('$this', bound, last=last)})"
    out = outer if last else bound
    opened = f"{age}.comparator.toString().startsWith('{closed}')"
    return when((f"{bound}.empty()", outer), (opened, out), otherwise=_or(at, outer))


def _times() -> list[tuple[str, str]]:
    """When it began and ended, as days; recordedDate only says that it had begun by then."""
    began = "(onset.ofType(dateTime) | onset.ofType(Period).start).first()"
    abated = "(abatement.ofType(dateTime) | abatement.ofType(Period).start).first()"
    ended = "(abatement.ofType(dateTime) | abatement.ofType(Period).end).first()"
    bound = f"({_last_day('onset.ofType(Period).end')} | {_last_day('recordedDate')} | {CEILING})"
    by_age = "abatement.ofType(Age).exists() or abatement.ofType(Range).exists()"
    return [
        ("bornFirst", days.born(last=False)),
        ("bornLast", days.born(last=True)),
        ("course", _status("clinicalStatus", _CLINICAL)),
        ("ageLow", _aged("onset", last=False)),
        ("ageHigh", _aged("onset", last=True)),
        ("low", _or(_first_day(began), "%ageLow")),
        (
            "high",
            when(
                (f"{began}.exists()", _last_day(began)),
                (f"%ageLow = {FLOOR} and %ageHigh = {CEILING}", extreme(bound, "<")),
                otherwise="%ageHigh",
            ),
        ),
        (
            "endLow",
            when(
                (f"{abated}.exists()", extreme(f"({_first_day(abated)} | %low)", ">")),
                (by_age, extreme(f"({_aged('abatement', last=False)} | %low)", ">")),
                ("abatement.exists()", "%low"),
                (f"%course in {_NOW}", CEILING),
                otherwise="%low",
            ),
        ),
        (
            "endHigh",
            when(
                (f"{ended}.exists()", _last_day(ended)),
                (by_age, _aged("abatement", last=True)),
                otherwise=CEILING,
            ),
        ),
    ]
