"""By which route a drug was given: as recorded, else as its product is made for."""

from __future__ import annotations

from collections import defaultdict

from fhirtrial.expressions.cql.names import UNKNOWN, key, name, string, strings
from fhirtrial.expressions.cql.piece import Helper
from fhirtrial.terminology import Terminology
from fhirtrial.terminology.products import product
from fhirtrial.terminology.routes import groups
from fhirtrial.terminology.systems import URIS

_SYSTEMIC = frozenset({"oral", "injection", "intravenous", "subcutaneous", "intramuscular", "systemic"})
# An injection of unstated kind may be any of these.
_INJECTED = frozenset({"intravenous", "subcutaneous", "intramuscular"})


def recorded_route() -> tuple[Helper, ...]:
    """The functions that read a recorded route: by its codes, else by its words; none where it says several."""
    by_code = ",\n".join(
        f'    if "Any of"(keys, {_keys(group)}) then {{ {string(group)} }} else List<String> {{ }}'
        for group in groups()
    )
    by_word = ",\n".join(
        f'    if "Any of"(words, {strings(groups()[group].texts)}) then {{ {string(group)} }} else List<String> {{ }}'
        for group in groups()
    )
    one = (
        'define function "Route"(keys List<String>, words List<String>):\n'
        '  if Count("Routes by code"(keys)) = 1 then First("Routes by code"(keys))\n'
        '  else if Count("Routes by word"(words)) = 1 then First("Routes by word"(words))\n'
        "  else null as String"
    )
    return (
        Helper('"Routes by code"', f'define function "Routes by code"(keys List<String>):\n  flatten {{\n{by_code} }}'),
        Helper(
            '"Routes by word"', f'define function "Routes by word"(words List<String>):\n  flatten {{\n{by_word} }}'
        ),
        Helper('"Route"', one),
    )


def by_route(concept: str, asked: str, terminology: Terminology) -> tuple[str, tuple[Helper, ...]]:
    """The row's route is the asked one; of a product that does not say, or says more than one, it is open."""
    fits = _SYSTEMIC if asked == "systemic" else frozenset({asked})
    vague = {"systemic"} | ({"injection"} if asked in _INJECTED else set())
    made = _by_product(concept, terminology)
    truth = (
        f'"Route fits"(if F.route is null then {made.name}(F.keys) else {{ F.route }}, {strings(fits)}, '
        f"{strings(vague - fits)})"
    )
    test = (
        'define function "Route fits"(routes List<String>, fits List<String>, vague List<String>):\n'
        f"  if not exists routes then {UNKNOWN}\n  else if not exists (routes except fits) then true\n"
        f"  else if not exists (routes intersect fits) and not exists (routes intersect vague) then false\n"
        f"  else {UNKNOWN}"
    )
    return truth, (_by_atc(), made, Helper('"Route fits"', test))


def _by_product(concept: str, terminology: Terminology) -> Helper:
    """The routes that the concept's products are made for, and those that ATC codes imply."""
    made: defaultdict[str, list[str]] = defaultdict(list)
    for code in terminology.value_set(concept):
        found = product(code.code)
        if found is not None and found.route:
            made[found.route].append(key(code.system, code.code))
    tests = ",\n".join(
        f'    if "Any of"(keys, {strings(codes)}) then {{ {string(group)} }} else List<String> {{ }}'
        for group, codes in sorted(made.items())
    )
    title = name(f"{concept} routes by product")
    listed = f"{tests},\n" if tests else ""
    text = (
        f"define function {title}(keys List<String>):\n  distinct flatten {{\n{listed}"
        f"    keys K where StartsWith(K, '{URIS['atc']}|') return all \"Route by ATC\"(K) }}"
    )
    return Helper(title, text)


def _by_atc() -> Helper:
    """An ATC code's main group says where a drug is applied."""
    prefixes = sorted(((p, g) for g in groups() for p in groups()[g].atc), key=lambda pair: (-len(pair[0]), pair))
    tests = "\n".join(
        f"    when StartsWith(code, {string(key(URIS['atc'], prefix))}) then {string(group)}"
        for prefix, group in prefixes
    )
    text = f"define function \"Route by ATC\"(code String):\n  case\n{tests}\n    else 'systemic'\n  end"
    return Helper('"Route by ATC"', text)


def _keys(group: str) -> str:
    return strings(key(system, code) for system, code in groups()[group].codes)
