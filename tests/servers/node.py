"""Node.js programs of a project folder: its locked packages, and one process start per question.

Nothing here knows what the programs say; a failure ends with the last lines that they wrote.
"""

import fcntl
import hashlib
import os
import subprocess
from pathlib import Path

INSTALL_SECONDS = 600
TAIL_LINES = 40


class NodeError(RuntimeError):
    """npm or a Node.js program failed; the message ends with the last lines it wrote."""


def run(project: Path, command: list[str], given: str = "", seconds: float | None = None) -> str:
    """What the command, run in the project's folder, wrote when `given` was put in."""
    # UTC, so that a date without an offset means the same on every machine.
    env = {**os.environ, "TZ": "UTC"}
    ended = subprocess.run(
        command, cwd=project, env=env, input=given, capture_output=True, encoding="utf-8", timeout=seconds, check=False
    )
    if ended.returncode:
        tail = "\n".join((ended.stdout + ended.stderr).splitlines()[-TAIL_LINES:])
        raise NodeError(f"{' '.join(command)} ended with {ended.returncode}:\n{tail}")
    return ended.stdout


def install(project: Path) -> None:
    """Installs exactly the locked packages, unless they are there."""
    stamp = project / "node_modules" / ".stamp"
    with (project / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes side by side install one after the other
        digest = hashlib.sha256(lock.read()).hexdigest()
        if stamp.exists() and stamp.read_text() == digest:
            return
        run(project, ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], seconds=INSTALL_SECONDS)
        stamp.write_text(digest)
