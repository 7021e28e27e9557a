"""The desk door: one command per verb of the design's sentence; holds no clinical logic.

Exit codes: 0 all done; 1 some inputs failed, the rest is done; 2 wrong usage or configuration; 3 the server refused or
could not be reached; 4 a bug.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from fhirtrial.cli import attrition, patients, trials
from fhirtrial.errors import FhirtrialError, InputError

app = typer.Typer(
    help="Patients matched to clinical trials, in FHIR: registry records become executable eligibility, patient "
    "Bundles become verdicts with evidence, and the results go to a FHIR server.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        from fhirtrial.version import VERSION

        typer.echo(f"fhirtrial {VERSION}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_version)
    ] = False,
    log_format: Annotated[str, typer.Option("--log-format", help="text or json; logs go to stderr.")] = "text",
) -> None:
    from fhirtrial.logs import set_up

    set_up(log_format)


app.command()(trials.read)
app.command()(trials.check)
app.command()(trials.review)
app.command("map")(trials.map_)
app.command()(patients.match)
app.command()(patients.explain)
app.command()(patients.ask)
app.command()(attrition.attrition)
app.command()(patients.post)
app.command()(patients.run)
app.command()(trials.schema)
app.command()(patients.demo)


def main() -> None:
    """The entry point: every error of the tree becomes one line and its exit code."""
    try:
        app()
    except FhirtrialError as error:
        label = "input" if isinstance(error, InputError) else "error"
        typer.echo(f"{label}: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes its exit code
        # where it happened, never what the message says: it may hold a patient's data
        frames = traceback.extract_tb(error.__traceback__)
        typer.echo(f"bug: {type(error).__name__}, please report it with these places:", err=True)
        typer.echo("\n".join(f"  {Path(f.filename).name}:{f.lineno} {f.name}" for f in frames), err=True)
        sys.exit(4)
