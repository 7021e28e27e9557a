"""The house keeps its shape: imports point one way, rooms stay small, words that say nothing name nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
# From the ground up; a module may import its own room and the rooms before it (docs/architecture.md).
ROOMS = (
    ("errors", "version", "processes"),
    ("terminology",),
    ("site",),
    ("criteria",),
    ("records",),
    ("expressions", "patients"),
    ("matching",),
    ("plugins",),
    ("client", "cohort", "picture"),
    ("job", "samples", "logs"),
    ("types", "__init__"),
    ("console",),
    ("service", "cli"),
)
LEVEL = {name: level for level, names in enumerate(ROOMS) for name in names}
# Over 400 lines is a table or a mistake; these are tables of nouns.
TABLES = {"fhirtrial/criteria/tree.py", "fhirtrial/patients/resources.py"}
EMPTY_WORDS = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc", "internals"}


def modules(folder: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).rglob("*.py") if "node_modules" not in p.parts and "target" not in p.parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "fhirtrial" and len(parts) > 1 and parts[1] in LEVEL else None


def test_imports_point_one_way() -> None:
    wrong = {}
    for path in modules("fhirtrial"):
        own = path.relative_to(ROOT / "fhirtrial").parts[0].removesuffix(".py")
        assert own in LEVEL, f"{own} is no room of the house: put it into ROOMS and docs/architecture.md"
        named = set(imports(path))
        upward = {m for m in named if (r := room(m)) and LEVEL[r] >= LEVEL[own] and r != own}
        beside = {m for m in named if m.split(".")[0] in {"fhirtrial_mappings", "tests"}}
        wrong[str(path.relative_to(ROOT))] = upward | beside
    assert {path: names for path, names in wrong.items() if names} == {}


def test_a_mapping_knows_nothing_above_plugins() -> None:
    wrong = {
        str(path.relative_to(ROOT)): {m for m in imports(path) if (r := room(m)) and LEVEL[r] > LEVEL["plugins"]}
        for path in modules("mappings")
    }
    assert {path: names for path, names in wrong.items() if names} == {}


def test_files_stay_small() -> None:
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in modules("fhirtrial") + modules("mappings")}
    median = sorted(lengths.values())[len(lengths) // 2]
    assert median <= 130
    assert {str(p.relative_to(ROOT)) for p, n in lengths.items() if n > 400} <= TABLES


def test_names_say_something() -> None:
    named = {
        part for p in modules("fhirtrial") + modules("mappings") for part in p.relative_to(ROOT).with_suffix("").parts
    }
    assert not named & EMPTY_WORDS


def test_nothing_is_put_off() -> None:
    put_off = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")
    found = [
        str(p.relative_to(ROOT)) for p in modules("fhirtrial") + modules("mappings") if put_off.search(p.read_text())
    ]
    assert not found


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(p.relative_to(ROOT))
        for p in modules("fhirtrial") + modules("mappings")
        if p.read_text().strip() and not ast.get_docstring(ast.parse(p.read_text()))
    ]
    assert not silent
