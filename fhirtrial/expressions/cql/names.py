"""CQL's literals and quoted names; every piece of text from a record or a table goes through here, escaped."""

from __future__ import annotations

from collections.abc import Iterable

from fhirtrial.terminology import Code
from fhirtrial.terminology.systems import URIS, comparable

UNKNOWN = "null as Boolean"
CODE_SYSTEMS = {
    URIS["snomed"]: "SNOMEDCT",
    URIS["icd10"]: "ICD10",
    URIS["icd10cm"]: "ICD10CM",
    URIS["loinc"]: "LOINC",
    URIS["rxnorm"]: "RXNORM",
    URIS["atc"]: "ATC",
    URIS["cvx"]: "CVX",
}


def name(words: str) -> str:
    """A quoted identifier.

    >>> name('inc-3')
    '"inc-3"'
    """
    return '"' + _escaped(words).replace('"', '\\"') + '"'


def string(words: str) -> str:
    return "'" + _escaped(words).replace("'", "\\'") + "'"


def decimal(value: float) -> str:
    """A Decimal literal, without exponent and with at most the eight decimals that CQL has."""
    digits = f"{value:.8f}".rstrip("0")
    return digits + "0" if digits.endswith(".") else digits


def strings(words: Iterable[str]) -> str:
    """A list of Strings, sorted."""
    found = sorted(set(words))
    return "{ " + ", ".join(string(w) for w in found) + " }" if found else "List<String> { }"


def key(system: str, code: str) -> str:
    """What the CQL function Key makes of a coding."""
    return f"{system}|{comparable(system, code)}"


def code(item: Code) -> str:
    """A Code literal; one of a local system, which has no declaration, is written out."""
    system = CODE_SYSTEMS.get(item.system)
    if system is None:
        return f"System.Code {{ code: {string(item.code)}, system: {string(item.system)} }}"
    shown = f" display {string(item.display)}" if item.display else ""
    return f"Code {string(item.code)} from {name(system)}{shown}"


def codes(items: Iterable[Code]) -> str:
    """A list of Codes, one a line."""
    listed = [code(item) for item in items]
    return "{\n      " + ",\n      ".join(listed) + "\n    }" if listed else "List<Code> { }"


def indented(text: str, by: int) -> str:
    return text.replace("\n", "\n" + " " * by)


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("\r", " ").replace("\n", " ").replace("\t", " ")
