"""What a process does that the system kills over what it reads, or that finds no room; each process imports it."""

from __future__ import annotations

import errno
import os
import signal
from typing import Any

from fhirtrial.patients import stored, units
from fhirtrial.patients.export import Everyone
from fhirtrial.patients.manifest import Unit

NAME = "FHIRTRIAL_TEST_DEADLY"
"""A part of the name of a file, or a patient's reference."""


def read_files(how: units.How, unit: Unit) -> units.Read:
    if any(os.environ[NAME] in file.name for file in unit.files):
        os.kill(os.getpid(), signal.SIGKILL)
    return units.read_files(how, unit)


def read_lot(given: tuple[units.How, Everyone], lot: units.Lot) -> units.Read:
    if any(name == os.environ[NAME] for name, *_ in lot.patients):
        os.kill(os.getpid(), signal.SIGKILL)
    return units.read_lot(given, lot)


def without_room(how: units.How, unit: Unit) -> units.Read:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    vars(stored)["write"] = full  # in this process alone
    return units.read_files(how, unit)
