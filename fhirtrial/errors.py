"""Every error this project raises on purpose, in one tree; each says where, what was got, and what to do.

    FhirtrialError
    ├── InputError            a document, record or resource that cannot be used; the rest of the batch goes on
    │   ├── RecordError       a registry document or normalized record
    │   ├── TreeError         a criteria tree: unknown node kind, malformed node, hash that does not agree
    │   ├── ArtifactError     a published FHIR artifact that cannot be read back
    │   └── PatientError      a patient's Bundle or resource
    ├── ConfigError           wrong usage, site file, plug-ins or terminology: nothing was started
    └── ServerError           a FHIR server refused or could not be reached

A caller catches the level it can act on:

    try:
        records = fhirtrial.read_trials(path)
    except fhirtrial.errors.InputError as error:
        print(error.where, error.got, error.todo)

Anything else that escapes is a bug (exit code 4). Messages name resources by type and id, never by content.
"""

from __future__ import annotations

from dataclasses import dataclass


class FhirtrialError(Exception):
    """Base of the tree. `where` is a file, trial, criterion or path; `todo` is what the reader can do next."""

    exit_code = 4
    http_status = 500

    def __init__(self, where: str, got: str, todo: str) -> None:
        super().__init__(where, got, todo)
        self.where = where
        self.got = got
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.where}: {self.got}; {self.todo}"


class InputError(FhirtrialError):
    exit_code = 1
    http_status = 422

    @property
    def problem(self) -> Problem:
        """This error as data, for a batch that goes on without what it concerns."""
        return Problem(self.where, "", self.got, self.todo)


@dataclass(frozen=True)
class Problem:
    """A data error that was collected instead of raised: file or resource, path in it, what was got, what to do."""

    where: str
    path: str
    got: str
    todo: str

    def __str__(self) -> str:
        return f"{self.where}: {self.path + ': ' if self.path else ''}{self.got}; {self.todo}"


class RecordError(InputError):
    """Raised when a registry document or a normalized record cannot become a TrialRecord."""


class TreeError(InputError):
    """Raised when a criteria tree is malformed; an unknown kind of node is never read as unknown truth."""


class ArtifactError(InputError):
    """Raised when a published artifact has no tree, or a generated part does not carry the tree's hash."""


class PatientError(InputError):
    """Raised when a patient's file or Bundle cannot be read at all; a bad resource inside one is reported instead."""


class ConfigError(FhirtrialError):
    exit_code = 2
    http_status = 400


class ServerError(FhirtrialError):
    """Raised when a server refused or could not be reached; `status` is its HTTP status, 0 without an answer."""

    exit_code = 3
    http_status = 502

    def __init__(self, where: str, got: str, todo: str, *, status: int = 0) -> None:
        super().__init__(where, got, todo)
        self.status = status
