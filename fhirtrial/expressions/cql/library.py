"""All criteria of a trial as one self-contained CQL 1.5 library: declarations, parts, concepts, atoms, criteria."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.document import criteria_hash
from fhirtrial.expressions.cql.concepts import declared
from fhirtrial.expressions.cql.criterion import (
    ELIGIBLE,
    SCREENED,
    Define,
    NoCql,
    atom_name,
    cql,
    data_present,
    defined,
    through,
)
from fhirtrial.expressions.cql.names import CODE_SYSTEMS, name, string
from fhirtrial.expressions.cql.piece import Piece
from fhirtrial.terminology import Terminology

# In the order in which they build on each other; a library holds only those that its atoms need.
PARTS = (
    "truth",
    "dates",
    "codes",
    "references",
    "conditions",
    "medications",
    "observations",
    "results",
    "limits",
    "qualitative",
    "dosing",
    "reports",
    "procedures",
    "encounters",
    "allergies",
    "immunizations",
    "relatives",
    "reproduction",
)
HASH_LINE = "// criteria sha256 "


def library(identifier: str, version: str, criteria: Sequence[Criterion], terminology: Terminology) -> str:
    """The library's text; it carries the hash of the criteria that it was generated from."""
    found = {atom: piece for criterion in criteria for atom, piece in defined(criterion, terminology)}
    needed = {"truth"} | {part for piece in found.values() for part in piece.parts}
    blocks = [
        _header(identifier, version, criteria),
        *(part(p) for p in PARTS if p in needed),
        *_helpers(found.values(), terminology),
        *(f"define {name(atom_name(atom, terminology))}:\n  {piece.truth}" for atom, piece in found.items()),
        *(block for criterion in criteria for block in _criterion(criterion, terminology)),
        *_attrition(criteria, terminology),
    ]
    return "\n\n".join(blocks) + "\n"


def tree_hash(text: str) -> str | None:
    """The hash that a library's text carries."""
    found = (line.removeprefix(HASH_LINE).strip() for line in text.splitlines() if line.startswith(HASH_LINE))
    return next(found, None)


@cache
def part(title: str) -> str:
    source = files("fhirtrial.expressions.cql") / "parts" / f"{title}.cql"
    return source.read_text(encoding="utf-8").strip()


def _header(identifier: str, version: str, criteria: Sequence[Criterion]) -> str:
    systems = "\n".join(f"codesystem {name(title)}: {string(uri)}" for uri, title in CODE_SYSTEMS.items())
    return f"""{HASH_LINE}{criteria_hash(criteria)}
// Generated from that criteria tree, which is normative. Null is unknown. Dates compare as local days; IndexDate is the
// screening day; Loaded names the families that were loaded whole (conditions, medications, observations, procedures,
// allergies, immunizations, encounters, family-history): only there a presumption is true or false. RecordStart is the
// first day that the record can speak of, where that is not birth: absence says nothing of the days before it.
library {identifier} version {string(version)}

using FHIR version '4.0.1'

include FHIRHelpers version '4.0.1' called FHIRHelpers

{systems}

parameter "IndexDate" Date
parameter "Loaded" List<String>
parameter "RecordStart" Date

context Patient"""


def _helpers(pieces: Iterable[Piece], terminology: Terminology) -> Iterator[str]:
    listed = list(pieces)
    for concept in sorted({c for piece in listed for c in piece.concepts}):
        yield declared(concept, terminology).text
    yield from {helper.name: helper.text for piece in listed for helper in piece.helpers}.values()


def _criterion(criterion: Criterion, terminology: Terminology) -> Iterator[str]:
    words = " ".join(criterion.text.split())
    match cql(criterion, terminology):
        case NoCql(reason=reason):
            yield f"// {criterion.id}, {criterion.kind}: {words}\n// No CQL: {reason}."
        case Define(name=title, expression=expression):
            yield f"// {criterion.id}, {criterion.kind}: {words}\ndefine {name(title)}:\n  {expression}"
            yield f"define {name(f'{title} data present')}:\n  {data_present(criterion, terminology)}"


def _attrition(criteria: Sequence[Criterion], terminology: Terminology) -> Iterator[str]:
    """Who is screened, who is left after each criterion, and who is eligible; unknown rules nobody out, nor in."""
    yield f"define {name(SCREENED)}:\n  true"
    before, terms = SCREENED, []
    for criterion in criteria:
        known = isinstance(cql(criterion, terminology), Define)
        fits = name(criterion.id) if known else "null as Boolean"
        terms.append(f"not {fits}" if criterion.kind == "exclusion" and known else f"({fits})")
        stays = f"{name(criterion.id)} is not {'true' if criterion.kind == 'exclusion' else 'false'}"
        test = f" and {stays}" if known else ""
        yield f"define {name(through(criterion))}:\n  {name(before)}{test}"
        before = through(criterion)
    yield f"define {name(ELIGIBLE)}:\n  {(chr(10) + '    and ').join(terms) or 'null as Boolean'}"
