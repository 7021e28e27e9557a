"""Files that hold patient data: each is 0600, and is on the disk before anything relies on what was written."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fhirtrial.errors import ConfigError

OWNER_ONLY = stat.S_IRUSR | stat.S_IWUSR


def cannot_write(path: Path, error: OSError) -> ConfigError:
    return ConfigError(str(path), f"cannot be written ({error.strerror})", "name a file in a folder you may write to")


def open_to_append(path: Path) -> int:
    """A descriptor whose writes go to the end; a file that others could read until now is closed to them."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), OWNER_ONLY)
    except OSError as error:
        raise cannot_write(path, error) from error
    if os.name == "posix":
        os.fchmod(descriptor, OWNER_ONLY)
    settle_folder(path.parent)
    return descriptor


def append(descriptor: int, data: bytes) -> None:
    """Returns once the bytes are on the disk; a kill in between leaves a torn last line, which readers drop."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def is_torn(line: bytes, beginning: bytes) -> bool:
    """Whether a kill cut this line off: no newline, and as far as it goes it begins like the file's own."""
    return not line.endswith(b"\n") and line[: len(beginning)] == beginning[: len(line)]


def drop_torn_line(descriptor: int) -> None:
    """Cut what follows the last newline: it was being written when the process died, so nothing relies on it."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    while end:
        start = max(0, end - 65536)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            os.ftruncate(descriptor, start + newline + 1)
            return
        end = start
    os.ftruncate(descriptor, 0)


def settle_folder(folder: Path) -> None:
    """A new or renamed file survives a power cut only once its folder is on the disk too."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Write a whole new file that takes the old one's place at once, or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        settle_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[int]:
    """Hold the file for this process alone; the descriptor appends. A lock dies with its process."""
    while True:
        descriptor = open_to_append(path)
        try:
            lock(descriptor, path, wait=wait)
            if is_still(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def lock(descriptor: int, path: Path, *, wait: bool) -> None:
    if os.name != "posix":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        got = "is in use by another run"
        raise ConfigError(str(path), got, "wait for that run to end, or name another journal") from error


def is_still(descriptor: int, path: Path) -> bool:
    """Whether the path still names the locked file: the last holder may have replaced or removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
