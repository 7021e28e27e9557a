"""Where Spark on one machine keeps lines and facts while a run lasts: its owner alone can read them, and none stay.

A run that is killed removes nothing; the next one does. A folder is a living run's as long as its lock is held.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)
_PREFIX, _MAKING = "fhirtrial-spark-", "fhirtrial-making-"
_LOCK = "lock"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for this run; those of killed ones are removed, and told."""
    parent = Path(tempfile.gettempdir())
    for left in sorted(parent.glob(_PREFIX + "*")):
        if _is_left(left):
            shutil.rmtree(left, ignore_errors=True)
            log.warning("%s: what a killed run had left there is removed", left)
    made = Path(tempfile.mkdtemp(prefix=_MAKING))
    lock = os.open(made / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    folder = made.with_name(made.name.replace(_MAKING, _PREFIX))
    try:
        _hold(lock)
        made.rename(folder)  # only now others see it, and it is locked
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _is_left(folder: Path) -> bool:
    """Whether this user's run that made it is no more."""
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return False
        lock = os.open(folder / _LOCK, os.O_RDWR)
    except (OSError, AttributeError):  # gone meanwhile, another's, or a system without users
        return False
    try:
        _hold(lock)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _hold(lock: int) -> None:
    if os.name == "posix":
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
