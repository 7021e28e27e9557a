"""Makes the generated files from the concept files and the code tables they are checked against: same in, same out.

    python -m fhirtrial.terminology.generate [--tables DIR] [--out DIR]

Without tables only `concepts.json` is made. Tables need the test extra (ucumvert, pint), and a declared code that they
do not hold stops the run.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import orjson

from fhirtrial.errors import ConfigError
from fhirtrial.terminology.concepts import Code, Concept
from fhirtrial.terminology.derived import HEAD
from fhirtrial.terminology.generate_derived import derive, icd10cm_below
from fhirtrial.terminology.generate_products import product_rows
from fhirtrial.terminology.generate_sources import OPEN, counts
from fhirtrial.terminology.index import Prefixes, key_of
from fhirtrial.terminology.load import DATA, FILE, concept
from fhirtrial.terminology.source import entries, named_rules
from fhirtrial.terminology.systems import URIS, comparable

# The file of each system; CVX has no table, its codes are confirmed one by one (see vaccines.toml).
FILES = {
    URIS["snomed"]: "codes_snomed.csv",
    URIS["loinc"]: "codes_loinc.csv",
    URIS["rxnorm"]: "codes_rxnorm.csv",
    URIS["atc"]: "atc.csv",
    URIS["icd10cm"]: "icd10cm_2026-04.csv",
    URIS["icd10"]: "icd10_who_2019.csv",
}
_CATEGORY = 3
_PRODUCTS = "code ingredients value unit route display"
_TAG = re.compile(r"\(([a-z ]+)\)$")
_TAGS = {
    "condition": {"disorder"},
    "procedure": {"procedure", "regime"},
    "vaccine": {"medicinal product", "medicinal product form", "procedure"},
}


def read(tables: Path, name: str) -> list[dict[str, str]]:
    with (tables / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def check(concepts: Iterable[Concept], tables: Path) -> None:
    known = {system: {row["code"] for row in read(tables, name)} for system, name in FILES.items()}
    for entry in concepts:
        for code in (*entry.codes, *entry.coarse, *entry.history, *entry.denials):
            if code.system in known and code.code not in known[code.system]:
                raise ConfigError(
                    entry.name, f"unconfirmed code {code.system} {code.code}", "take it out or confirm it"
                )


def icd10cm_rows(concepts: Iterable[Concept], tables: Path) -> Iterator[list[str]]:
    """Codes below the declared ones; a declared code itself is in its concept file, a block's categories are not."""
    system = URIS["icd10cm"]
    codes = [code for concept in concepts for code in concept.codes]
    prefixes, declared = Prefixes.of(codes), {key_of(code) for code in codes}
    for row in read(tables, FILES[system]):
        key = (system, comparable(system, row["code"]))
        if len(row["code"]) >= _CATEGORY and "-" not in row["code"] and key not in declared and prefixes.match(key):
            yield [row["code"], row["display"]]


def named_rows(
    concepts: Mapping[str, Concept], rules: Mapping[str, Mapping[str, str]], tables: Path
) -> Iterator[list[str]]:
    """SNOMED CT codes that a concept's `named` rule matches, beyond those it lists itself.

    Only names under an open licence, unless the concept claims to be complete: then it needs every one.
    """
    snomed = read(tables, FILES[URIS["snomed"]])
    for name, rule in sorted(rules.items()):
        concept = concepts[name]
        match, never = re.compile(rule["match"], re.IGNORECASE), re.compile(rule["not"], re.IGNORECASE)
        listed = {c.code for c in (*concept.codes, *concept.coarse, *concept.history, *concept.denials)}
        everything = URIS["snomed"] in concept.complete
        for row in snomed:
            tag = _TAG.search(row["display"])
            sources = set(row["sources"].split("|"))
            if row["code"] in listed or not (everything or sources & OPEN) or sources == {"opensafely"}:
                continue
            if (tag is None and not everything) or (tag is not None and tag[1] not in _TAGS[concept.kind]):
                continue
            if match.search(row["display"]) and not never.search(row["display"]):
                yield [name, row["code"], row["display"]]


def unit_rows(spec: Mapping[str, list[str]]) -> Iterator[list[str]]:
    from ucumvert import PintUcumRegistry

    registry = PintUcumRegistry()
    fractions = [f"{n}/{d}" for n in spec["numerators"] for d in spec["denominators"]]
    bare = [f"/{d}" for d in spec["denominators"]]
    for unit in sorted({*spec["numerators"], *fractions, *bare, *spec["others"]}):
        parsed = registry.from_ucum(unit)
        zero, one = (
            registry.Quantity(x * getattr(parsed, "magnitude", 1), parsed.units).to_base_units() for x in (0, 1)
        )
        powers = {str(dimension): float(power) for dimension, power in one.dimensionality.items()}
        dimension = " ".join([*own_dimension(unit), *(f"{d}^{p:g}" for d, p in sorted(powers.items()))]) or "1"
        offset = zero.magnitude
        yield [unit, dimension, f"{of_mercury(unit, one.magnitude - offset):.15g}", f"{offset:.15g}"]


def of_mercury(unit: str, factor: float) -> float:
    """UCUM's column of mercury is 133322 Pa a metre (its functional test 3-125), the registry's 133322.387415 Pa."""
    above, _, below = unit.partition("/")
    power = ("[Hg]" in above) - ("[Hg]" in below)
    return factor * (133_322 / 133_322.387415) ** power


def own_dimension(unit: str) -> list[str]:
    """What UCUM's arbitrary units and particle counts are given so that they meet nothing else."""
    return [name for name, sign in (("[IU]", "[IU]"), ("[eq]", "eq"), ("[osm]", "osm")) if sign in unit]


def write(path: Path, head: str, rows: Iterable[list[str]]) -> int:
    lines = ["\t".join(row) for row in rows]
    content = ("\n".join([head.replace(" ", "\t"), *lines]) + "\n").encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return len(lines)


def generate(tables: Path | None, out: Path) -> dict[str, int]:
    """Writes the concepts and, given the code tables, the tables made of them; returns how many rows each has."""
    written = entries()
    concepts = {name: concept(name, entry) for name, entry in written.items()}
    if tables is not None:
        check(concepts.values(), tables)
    lines = [orjson.dumps(name) + b":" + orjson.dumps(entry) for name, entry in written.items()]
    (out / FILE).write_bytes(b"{" + b",\n".join(lines) + b"}\n")
    return {FILE: len(written)} | ({} if tables is None else _tables(concepts, tables, out))


def _tables(concepts: Mapping[str, Concept], tables: Path, out: Path) -> dict[str, int]:
    units = tomllib.loads((DATA / "units.toml").read_text(encoding="utf-8"))
    routes = tomllib.loads((DATA / "routes.toml").read_text(encoding="utf-8"))
    names, codes = (read(tables, name) for name in ("rxnorm_ingredients.csv", "codes_rxnorm.csv"))
    products = product_rows(concepts.values(), read(tables, "rxnorm_products.csv"), names, codes, routes)
    derived, sold = derive(concepts, tables, routes)
    icd10cm = list(icd10cm_rows(concepts.values(), tables))
    made = {
        "units.tsv": ("unit dimension factor offset", unit_rows(units)),
        "icd10cm.tsv.gz": ("code display", icd10cm),
        "snomed_named.tsv": ("concept code display", named_rows(concepts, named_rules(), tables)),
        "products.tsv.gz": (_PRODUCTS, products),
        "derived.tsv.gz": (HEAD, derived),
        "products_derived.tsv.gz": (_PRODUCTS, sold),
        "icd10cm_derived.tsv.gz": ("code display", icd10cm_below(derived, {row[0] for row in icd10cm}, tables)),
    }
    return {name: write(out / name, head, rows) for name, (head, rows) in made.items()}


def shipped(tables: Path, out: Path) -> list[tuple[str, str, int]]:
    """How many shipped codes each source table confirms."""
    concepts = [concept(name, entry) for name, entry in entries().items()]
    codes = [code for c in concepts for code in (*c.codes, *c.coarse, *c.history, *c.denials)]
    for line in (out / "snomed_named.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        _, code, display = line.split("\t")
        codes.append(Code(URIS["snomed"], code, display))
    named = {s: FILES[s] for s in (URIS["snomed"], URIS["loinc"], URIS["rxnorm"])}
    return counts(codes, {s: {row["code"]: row["sources"] for row in read(tables, name)} for s, name in named.items()})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fhirtrial.terminology.generate")
    parser.add_argument("--tables", type=Path, help="folder with the code tables (default: make the concepts only)")
    parser.add_argument(
        "--out", type=Path, default=Path(str(DATA)), help="where to write (default: the package's data)"
    )
    arguments = parser.parse_args()
    for name, rows in generate(arguments.tables, arguments.out).items():
        print(f"{name}: {rows} rows")  # noqa: T201  the command's own output
    if arguments.tables is not None:
        for system, source, number in shipped(arguments.tables, arguments.out):
            print(f"{system} from {source}: {number} codes")  # noqa: T201  the command's own output


if __name__ == "__main__":
    main()
