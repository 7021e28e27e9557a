"""Every conversion that an analyte may need, against ucum-lhc: the units of the tables × the units of the concepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from servers.fhirpath_engine import Converted, Pair

from fhirtrial.terminology import load, units
from fhirtrial.terminology.tables import rows

pytestmark = pytest.mark.node
TOLERANCE = 1e-9
REFUSED = "Attempt to convert to arbitrary unit"


def pairs() -> list[Pair]:
    """Each written unit, after the alias table, with the unit of each concept and its molar mass."""
    terms = load()
    written = dict.fromkeys(units.normalize(one) for one in (*(row[0] for row in rows("units.tsv")), *units.aliases()))
    asked = dict.fromkeys((c.unit, c.molar_mass) for c in map(terms.concept, terms.names) if c.unit)
    return [Pair(unit, units.normalize(to), mass) for to, mass in asked for unit in written]


def compared(asked: Sequence[Pair], found: Sequence[Converted]) -> dict[str, list[str]]:
    """What is the same, what differs, and what only one of the two converts."""
    sorts: dict[str, list[str]] = {"same": [], "neither": [], "differs": [], "only ours": [], "only theirs": []}
    for pair, theirs in zip(asked, found, strict=True):
        line = units.line(*pair)
        if line is None:
            sort = "neither" if theirs.one is None else "only theirs"
        elif theirs.one is None or theirs.two is None:
            sort = "only ours"
        else:
            told = ((line[0] + line[1], theirs.one), (2 * line[0] + line[1], theirs.two))
            same = all(own == pytest.approx(other, rel=TOLERANCE, abs=0) for own, other in told)
            sort = "same" if same else "differs"
        sorts[sort].append(f"{pair.unit} to {pair.to} (molar mass {pair.molar_mass}): {line}, {theirs}")
    return sorts


def test_they_convert_alike(ucum_convert: Callable[[Sequence[Pair]], list[Converted]]) -> None:
    asked = pairs()
    sorts = compared(asked, ucum_convert(asked))
    # It converts no arbitrary unit that has a prefix, not even into itself: they are compared with katals instead.
    refused = [pair for pair in asked if "[IU]" in pair.unit and "[IU]" in pair.to and pair.to != "[IU]/L"]
    again = [Pair(pair.unit.replace("[IU]", "kat"), pair.to.replace("[IU]", "kat"), None) for pair in refused]
    print({sort: len(found) for sort, found in sorts.items()})
    assert sorts["differs"] == sorts["only theirs"] == []
    assert [one for one in sorts["only ours"] if REFUSED not in one] == []
    for pair, theirs in zip(refused, ucum_convert(again), strict=True):
        line = units.line(*pair)
        assert line is None or theirs.one == pytest.approx(line[0], rel=TOLERANCE), pair
    assert len(sorts["same"]) > 1_000
