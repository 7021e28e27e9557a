"""Whether a CodeableConcept means a concept: true, {} where it may, false; codes are written out, systems by all names.

The same questions in the same order as everywhere: its own codes, those that may mean it, ancestors in ICD, and, where
no known system speaks, its names in words.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fhirtrial.expressions.cql.concepts import roots
from fhirtrial.expressions.fhirpath.words import EMPTY, listed, one_of, string, when
from fhirtrial.terminology import Code, Terminology
from fhirtrial.terminology.names import is_abbreviation, plain
from fhirtrial.terminology.systems import HIERARCHICAL, URIS, comparable, spellings

MOST = 2_000
"""More codes than this are no expression that anybody could carry about."""
_ATC = URIS["atc"]


class Meaning(NamedTuple):
    own: tuple[Code, ...]
    coarse: tuple[Code, ...]
    history: tuple[Code, ...]
    long: tuple[str, ...]
    short: tuple[str, ...]


def meaning(concept: str, terminology: Terminology) -> Meaning | None:
    """None for a class that only the route of a product decides, and for one with too many codes."""
    if terminology.concept(concept).routes:
        return None
    own = tuple(roots(terminology.value_set(concept)))
    members = [terminology.concept(member) for member in terminology.members(concept)]
    wider = [c for one in members for c in one.coarse]
    wider += [c for one in members for name in one.coarse_members for c in terminology.value_set(name)]
    coarse = tuple(roots(c for c in dict.fromkeys(wider) if not terminology.is_hit(concept, c.system, c.code)))
    history = tuple(roots(c for one in members for c in one.history))
    if len(own) + len(coarse) + len(history) > MOST:
        return None
    named = sorted({plain(text) for one in members for text in (one.label, *one.synonyms)})
    short = tuple(n for n in named if is_abbreviation(n))
    return Meaning(own, coarse, history, tuple(n.lower() for n in named if not is_abbreviation(n)), short)


def named(of: str, said: Meaning) -> str:
    """Whether the CodeableConcept at path `of` is the concept."""
    maybe = [*_any(of, said.coarse), *_above(of, said.own), *_mentions(of, said)]
    return when(
        (_either(_any(of, said.own)), "true"),
        (_either(maybe), EMPTY),
        otherwise="false",
    )


def was(of: str, said: Meaning) -> str:
    """Whether its codes say that it once was so."""
    return _either(_any(of, said.history))


def any_of(of: str, codes: Iterable[Code]) -> str:
    """Whether some coding at path `of` is one of these codes, letter by letter."""
    return _either(_exactly(of, codes))


def in_systems(of: str, systems: Iterable[str]) -> str:
    """Whether some coding at path `of` is of one of the systems."""
    tests = [_of_system(uri) for uri in sorted(systems)]
    return f"{of}.coding.where(code.exists() and ({_either(tests)})).exists()"


def _exactly(of: str, codes: Iterable[Code]) -> Iterator[str]:
    for system, found in _by_system(codes):
        code = _code(system)
        yield f"{of}.coding.where(({_of_system(system)}) and {listed(found)}.contains('|' & {code} & '|')).exists()"


def _any(of: str, codes: Iterable[Code]) -> Iterator[str]:
    """In ICD and ATC a code stands for all that begin with it."""
    for system, found in _by_system(codes):
        if system not in HIERARCHICAL:
            yield from _exactly(of, (Code(system, code, "") for code in found))
            continue
        prefixes = string(f"^(?:{'|'.join(map(_escaped, found))})")
        yield f"{of}.coding.where(({_of_system(system)}) and {_code(system)}.matches({prefixes})).exists()"


def _above(of: str, codes: Iterable[Code]) -> Iterator[str]:
    """A category or subgroup above one of the codes may mean it, and may not."""
    for system, found in _by_system(c for c in codes if c.system in HIERARCHICAL):
        code, least = _code(system), 4 if system == _ATC else 3
        begins = f"{string('|' + '|'.join(found))}.contains('|' & {code})"
        yield f"{of}.coding.where(({_of_system(system)}) and {code}.length() >= {least} and {begins}).exists()"


def _mentions(of: str, said: Meaning) -> Iterator[str]:
    """Only words name it: whole words, whatever stands between them; an abbreviation letter by letter."""
    words = f"({of}.coding.display | {of}.text).join('; ')"
    tests = []
    if said.long:
        tests.append(f"{words}.lower().matches({_pattern(said.long, plural='s?')})")
    if said.short:
        tests.append(f"{words}.matches({_pattern(said.short, plural='')})")
    if tests:
        yield f"({in_systems(of, URIS.values())}.not() and ({_either(tests)}))"


def _pattern(names: Iterable[str], *, plural: str) -> str:
    longest_first = sorted(set(names), key=lambda n: (-len(n), n))
    shown = "|".join(_escaped(n).replace(" ", "[\\s\\-_/]+") for n in longest_first)
    return string(f"^(?:[\\s\\S]*[^A-Za-z0-9])?(?:{shown}){plural}(?:[^A-Za-z0-9][\\s\\S]*)?$")


def _escaped(text: str) -> str:
    """Only what regular expressions of every kind reserve."""
    return re.sub(r"([.^$*+?()\[\]{}|\\])", r"\\\1", text)


def _by_system(codes: Iterable[Code]) -> list[tuple[str, list[str]]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for item in codes:
        found[item.system].add(comparable(item.system, item.code))
    return [(system, sorted(found[system])) for system in sorted(found)]


def _code(system: str) -> str:
    if system not in HIERARCHICAL:
        return "code"
    return "code.upper()" if system == _ATC else "code.upper().replaceMatches('[.*+†]', '')"


def _of_system(uri: str) -> str:
    """The system by every name that senders use for it."""
    test = f"system in {one_of(spellings(uri))}"
    return f"{test} or system.startsWith({string(uri + '/')})" if uri == URIS["snomed"] else test


def _either(tests: Iterable[str]) -> str:
    return " or ".join(tests) or "false"
