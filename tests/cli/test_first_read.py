"""What a person reads first: help of every command, and the version."""

from __future__ import annotations

import pytest
from desk import Desk

COMMANDS = ("read", "check", "review", "map", "match", "explain", "ask", "attrition", "post", "run", "schema", "demo")


def test_help_names_every_command(cli: Desk) -> None:
    said = cli("--help")
    assert said.code == 0
    assert [name for name in COMMANDS if f"  {name} " in said.out] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(cli: Desk, command: str) -> None:
    said = cli(command, "--help")
    assert said.code == 0
    assert f"fhirtrial {command}" in said.out


def test_version(cli: Desk) -> None:
    said = cli("--version")
    assert (said.code, said.out.split()[0]) == (0, "fhirtrial")
