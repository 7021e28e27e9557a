"""The documentation is run and compared: what it shows happens, what it lists exists, and what exists is listed.

Fenced blocks say by their first line what they are: `sh setup` (the README's two lines, run by .ci/run), `console`
(commands and what they print, `…` for what is left out), `console server` (the same against a real FHIR server),
`python` (run), `toml site` (read as a site file), `… file=PATH` (equal to that file), and others, which are only read.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from fhirtrial.cli import app
from fhirtrial.errors import ConfigError
from fhirtrial.matching.reasons import Reason, labels
from fhirtrial.samples import sample_bundles
from fhirtrial.site import Limits, ServerSection, Site, load_site

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
KINDS = {"sh setup", "console", "console server", "python", "toml site", "toml", "text"}
FENCE = re.compile(r"^( *)```(.*?)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    page: Path
    kind: str
    text: str


def blocks() -> Iterator[Block]:
    for page in PAGES:
        for _, kind, text in FENCE.findall(page.read_text(encoding="utf-8")):
            yield Block(page, kind.strip(), text)


def of_kind(kind: str) -> list[Block]:
    return [block for block in blocks() if block.kind == kind]


def named(block: Block) -> str:
    return f"{block.page.name}: {block.text.splitlines()[0][:50]}"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like a reader's: the samples lie in it, and `fhirtrial` is on the path."""
    (tmp_path / "sample_bundles").symlink_to(sample_bundles())
    tool = tmp_path / "bin" / "fhirtrial"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fhirtrial.cli "$@"\n')
    tool.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def shown(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with what it is said to print."""
    command, printed = "", list[str]()
    for line in text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, "\n".join(printed)
            command, printed = line[2:], []
        else:
            printed.append(line)
    yield command, "\n".join(printed)


def prints(block: Block) -> None:
    for command, printed in shown(block.text):
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        lines = (line.rstrip() for line in (done.stderr + done.stdout).splitlines())
        wanted = ".*".join(re.escape(part) for part in f"{printed}\n".split("…"))
        assert re.search(wanted, "\n".join([*lines, ""]), re.DOTALL), f"{command}\n{done.stderr}{done.stdout}"


def test_every_block_is_of_a_known_kind() -> None:
    unknown = {b.kind for b in blocks() if " file=" not in b.kind} - KINDS
    assert not unknown


def test_the_readme_has_its_two_lines() -> None:
    demo, tests = of_kind("sh setup")
    assert [len(b.text.splitlines()) for b in (demo, tests)] == [1, 1]
    assert demo.text.rstrip().endswith("fhirtrial demo")
    assert "pytest" in tests.text


@pytest.mark.parametrize("block", of_kind("console"), ids=named)
@pytest.mark.usefixtures("room")
def test_what_a_page_shows_happens(block: Block) -> None:
    prints(block)


@pytest.mark.java
@pytest.mark.xdist_group("hapi")
@pytest.mark.parametrize("block", of_kind("console server"), ids=named)
@pytest.mark.usefixtures("room")
def test_what_a_page_shows_happens_on_a_real_server(block: Block, hapi: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIR_SERVER", hapi)
    prints(block)


@pytest.mark.parametrize("block", of_kind("python"), ids=named)
@pytest.mark.usefixtures("room")
def test_what_a_page_computes_runs(block: Block) -> None:
    done = subprocess.run([sys.executable, "-"], input=block.text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("block", [b for b in blocks() if " file=" in b.kind], ids=named)
def test_what_a_page_quotes_is_the_file(block: Block) -> None:
    assert (ROOT / block.kind.partition(" file=")[2]).read_text(encoding="utf-8") == block.text


def commands() -> set[str]:
    return set(typer.main.get_group(app).commands)


def test_every_command_is_in_the_readme_with_an_example_that_it_takes() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| `fhirtrial (.+)` \|$", readme, re.MULTILINE))
    assert set(rows) == commands()
    group = typer.main.get_group(app)
    for name, example in rows.items():
        given = example.split()
        assert given[0] == name
        known = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert {word for word in given if word.startswith("-")} <= known


def test_every_exit_code_is_explained() -> None:
    page = (ROOT / "docs" / "integration.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d) \|", page, re.MULTILINE) == ["0", "1", "2", "3", "4"]


def test_every_reason_is_explained() -> None:
    page = (ROOT / "docs" / "truth.md").read_text(encoding="utf-8")
    section = page.partition("## Reasons for unknown")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == labels(sum(Reason))


def test_every_key_of_the_site_file_is_explained() -> None:
    page = (ROOT / "docs" / "site.md").read_text(encoding="utf-8")
    keys = {*Site.model_fields}
    keys |= {f"uln.*.{name}" for name in Limits.model_fields}
    keys |= {f"server.{name}" for name in ServerSection.model_fields}
    assert set(re.findall(r"^\| `([a-z_.*]+)` \|", page, re.MULTILINE)) == keys


@pytest.mark.parametrize("block", of_kind("toml site"), ids=named)
def test_the_site_file_of_the_page_is_one(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text(block.text, encoding="utf-8")
    assert load_site(file) != Site()
    file.write_text("canonical_bse = 'x'\n" + block.text, encoding="utf-8")
    with pytest.raises(ConfigError, match="canonical_bse"):
        load_site(file)


def test_the_list_of_modules_is_the_tree() -> None:
    path = ROOT / "docs" / "modules.py"
    spec = importlib.util.spec_from_file_location("modules", path)
    assert spec is not None
    assert spec.loader is not None
    modules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(modules)
    page = modules.PAGE.read_text(encoding="utf-8")
    assert page == modules.page(page), "run: python docs/modules.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert not [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_that_pages_name_exist(page: Path) -> None:
    places = r"(?:fhirtrial|mappings|tests|docs|benchmarks|sample_bundles|\.ci)/[\w./-]*\w"
    named = re.findall(rf"`({places})`", page.read_text(encoding="utf-8"))
    assert not [name for name in named if not (ROOT / name).exists()]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "NOTICE"], ids=lambda p: p.name)
def test_a_page_names_no_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(?:work|tmp|home|root|Users)\b", text)


def test_the_notice_names_every_code_system_that_is_shipped() -> None:
    from fhirtrial.terminology.systems import URIS

    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    names = {
        "snomed": "SNOMED CT",
        "loinc": "LOINC",
        "rxnorm": "RxNorm",
        "icd10cm": "ICD-10-CM",
        "icd10": "ICD-10",
        "atc": "ATC",
    }
    assert all(names[key] in notice for key in names)
    assert set(names) <= set(URIS)
