"""By which route a drug was given: as recorded, else as its product is made for."""

from __future__ import annotations

from collections import defaultdict

from fhirtrial.expressions.cql.names import UNKNOWN, key, name, string, strings
from fhirtrial.expressions.cql.piece import Helper
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.products import product
from fhirtrial.terminology.routes import groups, within

# What is asked for and every group that is it; a wider group leaves it open, any other denies it.
_FITS = {
    "systemic": frozenset({"oral", "injection", "intravenous", "subcutaneous", "intramuscular", "systemic"}),
}


def recorded_route() -> tuple[Helper, ...]:
    """The functions that read a recorded route: one group, or none where it says several or nothing."""
    listed = "\n".join(
        f'    union (if "Any of"(keys, {_keys(group)}) or words in {strings(groups()[group].texts)}'
        f" then {{ {string(group)} }} else List<String> {{ }})"
        for group in groups()
    ).replace("    union", "   ", 1)
    found = f'define function "Routes"(keys List<String>, words String):\n{listed}'
    one = (
        'define function "Route"(keys List<String>, words String):\n'
        '  if Count("Routes"(keys, words)) = 1 then First("Routes"(keys, words)) else null as String'
    )
    return Helper('"Routes"', found), Helper('"Route"', one)


def by_route(concept: str, asked: str, terminology: Terminology) -> tuple[str, tuple[Helper, ...]]:
    """The row's route is the asked one; of a product that does not say, or says more than one, it is open."""
    made: defaultdict[bool, list[str]] = defaultdict(list)
    for code in terminology.value_set(concept):
        found = product(code.code)
        side = _fits(found.route, asked) if found is not None and found.route else None
        if side is not None:
            made[side].append(key(code.system, code.code))
    title = name(f"{concept} {asked} by product")
    text = (
        f'define function {title}(keys List<String>):\n  if "Any of"(keys, {strings(made[True])}) then true\n'
        f'  else if "Any of"(keys, {strings(made[False])}) then false\n  else {UNKNOWN}'
    )
    sides = {side: strings(g for g in groups() if _fits(g, asked) is side) for side in (True, False)}
    truth = (
        f"(if F.route is null then {title}(F.keys) else if F.route in {sides[True]} then true\n"
        f"            else if F.route in {sides[False]} then false else {UNKNOWN})"
    )
    return truth, (Helper(title, text),)


def _fits(group: str, asked: str) -> bool | None:
    fits = _FITS.get(asked, frozenset({asked}))
    if within(group, fits) or group in fits:
        return True
    wider = groups()[asked].within if asked in groups() else None
    vague = asked not in groups() and group == "injection"
    return None if vague or group in {wider, "systemic"} else False


def _keys(group: str) -> str:
    return strings(key(system, code) for system, code in groups()[group].codes)
