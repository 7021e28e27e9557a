"""The command line inside the test's own process: what a shell would see, without the second that a process takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from fhirtrial.cli import main


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as NDJSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def problems(self) -> list[str]:
        """The lines that say what could not be used."""
        return [line for line in self.err.splitlines() if line.startswith(("problem: ", "input: "))]


Desk = Callable[..., Said]


def desk(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Desk:
    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["fhirtrial", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return run
