"""Which table confirms each shipped code: the figures behind the licence rule of docs/terminology.md.

A code that several tables hold counts for the freest of them; one that no table holds counts as `unlisted`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from fhirtrial.terminology.concepts import Code
from fhirtrial.terminology.systems import KEYS, URIS

# Tables of SNOMED CT names under an open licence (CC BY 4.0, CC0); the others are for checking only.
OPEN = frozenset({"gps", "mondo_exact"})
# From free to bound; the tables that have a `sources` column.
_ORDER = {
    URIS["snomed"]: ("gps", "mondo_exact", "mcode", "sample", "utg", "vsac", "ohdsi", "opensafely"),
    URIS["loinc"]: ("top2000", "mcode", "sample", "utg", "mii", "vsac", "ohdsi", "loinc_component_2020"),
    URIS["rxnorm"]: ("prescribable", "prescribable_products", "vsac", "ohdsi"),
}


def counts(codes: Iterable[Code], sources: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, int]]:
    """(system, source, shipped codes), sorted; `sources` holds each system's code → its tables, joined by `|`."""
    found = Counter((KEYS[c.system], _source(c, sources)) for c in {(c.system, c.code): c for c in codes}.values())
    return [(system, source, number) for (system, source), number in sorted(found.items())]


def _source(code: Code, sources: Mapping[str, Mapping[str, str]]) -> str:
    if code.system not in _ORDER:
        return "table"
    held = sources[code.system].get(code.code, "").split("|")
    return next((source for source in _ORDER[code.system] if source in held), "unlisted")
