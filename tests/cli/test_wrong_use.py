"""Wrong use and bugs: exit codes, and one clear line each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from desk import Desk


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("fly",), "fly"),
        (("match", "--trials", "{trials}"), "--patients"),
        (("match", "--trials", "{trials}", "--patients", "{patients}", "--on", "1 May"), "--on"),
        (("match", "--trials", "{trials}", "--patients", "{patients}", "--loaded", "labs"), "observations"),
        (("match", "--trials", "nowhere", "--patients", "{patients}"), "nowhere"),
        (("match", "--trials", "{trials}", "--patients", "{patients}", "--site", "nowhere.toml"), "nowhere.toml"),
        (("run", "--trials", "{trials}", "--patients", "{patients}"), "--server"),
        (("run", "--trials", "{trials}", "--patients", "{patients}", "--out", "o", "--server", "http://x/y"), "either"),
        (("post", "{trials}"), "--server"),
        (("--log-format", "xml", "check", "{trials}"), "json"),
        (("schema", "patient"), "patient"),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, tuple) else value,
)
def test_wrong_use(cli: Desk, trials: Path, patients: Path, arguments: tuple[str, ...], says: str) -> None:
    said = cli(*(a.format(trials=trials, patients=patients) for a in arguments))
    assert (said.code, said.out) == (2, "")
    assert says in said.err


def test_an_unknown_key_of_the_site_file_is_named(cli: Desk, tmp_path: Path, trials: Path, patients: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text("[server]\npassword = 'x'\n")
    said = cli("match", "--trials", trials, "--patients", patients, "--site", site)
    assert said.code == 2
    assert "server.password" in said.err


def test_a_bug_is_exit_code_4_without_its_message(
    cli: Desk, trials: Path, patients: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("Ada was born on 1980-02-03")

    monkeypatch.setattr("fhirtrial.job.trials.load_trials", broken)
    said = cli("match", "--trials", trials, "--patients", patients)
    assert said.code == 4
    assert "RuntimeError" in said.err
    assert "Ada" not in said.err


def test_logs_are_json_lines_on_request(cli: Desk, tmp_path: Path, trials: Path, patients: Path) -> None:
    import logging

    cli("--log-format", "json", "check", trials)
    logging.getLogger("fhirtrial.test").warning("one %s", "thing")
    handler = logging.getLogger("fhirtrial").handlers[0]
    record = logging.LogRecord("fhirtrial.test", logging.WARNING, "", 0, "one %s", ("thing",), None)
    line = json.loads(handler.format(record))
    assert (line["level"], line["logger"], line["message"]) == ("warning", "fhirtrial.test", "one thing")
