"""Writes the module list of architecture.md from the modules' own first sentences: `python docs/modules.py`.

A module that is not named in ORDER follows the named ones of its room, by its name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- modules -->", "<!-- /modules -->"
ENGINE, MAPPINGS = "fhirtrial", "mappings/fhirtrial_mappings"
ROOMS = (
    f"{ENGINE}/errors.py",
    f"{ENGINE}/terminology",
    f"{ENGINE}/site.py",
    f"{ENGINE}/criteria",
    f"{ENGINE}/records",
    f"{ENGINE}/expressions",
    f"{ENGINE}/patients",
    f"{ENGINE}/matching",
    f"{ENGINE}/plugins.py",
    MAPPINGS,
    f"{ENGINE}/picture",
    f"{ENGINE}/client",
    f"{ENGINE}/job",
)
ORDER = {
    f"{ENGINE}/terminology": "systems concepts names index lookup load tables units medicines products routes",
    f"{ENGINE}/criteria": "truth tree criterion document lower questions english check contradictions",
    f"{ENGINE}/records": "read api_v2 pages/page unescape sections listing eligibility structured record reviewed",
    f"{ENGINE}/expressions": "cql/library cql/criterion cql/piece cql/names cql/concepts cql/quantities cql/windows",
    f"{ENGINE}/patients": "read sources document salvage resources elements references versions export bundle source",
    f"{ENGINE}/matching": "match compiled network view calendar identity timing grades results quantities dosing trace",
    f"{MAPPINGS}": "artifacts/research_study artifacts/plan_definition artifacts/library artifacts/group",
    f"{ENGINE}/picture": "drawing flow sentences lettering svg png",
    f"{ENGINE}/client": "post server transport retry answer outcome fhir smart capability entries graph transactions",
    f"{ENGINE}/job": "run trials publish matching report reconcile",
}


def modules(place: str) -> list[str]:
    """The modules of a room (or the one of that name) as paths, in reading order; empty ones have nothing to say."""
    path = ROOT / place
    if path.is_file():
        return [place]
    found = [p.relative_to(path).as_posix().removesuffix(".py") for p in path.rglob("*.py") if p.read_text().strip()]
    first = ORDER.get(place, "").split()
    ranked = sorted(found, key=lambda name: (first.index(name) if name in first else len(first), name))
    return [f"{place}/{name}.py" for name in ranked if not name.endswith("__init__")]


def first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return re.split(r"\.\s", paragraph)[0].removesuffix(".")


def lines() -> Iterator[str]:
    doors = sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / ENGINE).glob("*.py") if p.name != "__init__.py")
    for place in (*ROOMS, "doors"):
        own = [one for one in doors if one not in ROOMS] if place == "doors" else modules(place)
        front = ROOT / place / "__init__.py"
        said = f": {first_sentence(front)}" if front.exists() and front.read_text().strip() else ""
        name = "the doors and what stands beside them" if place == "doors" else f"`{place}`"
        if len(own) > 1 or place == "doors":
            yield from ("", f"{name}{said}", "")
            yield from (f"* `{one.removeprefix(f'{place}/')}` – {first_sentence(ROOT / one)}" for one in own)
        else:
            yield from ("", f"`{own[0]}` – {first_sentence(ROOT / own[0])}")


def page(text: str) -> str:
    """`text` with its list as it ought to be."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return "\n".join([f"{before}{BEGIN}", *lines(), "", f"{END}{after}"])


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
