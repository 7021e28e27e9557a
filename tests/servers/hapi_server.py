"""HAPI FHIR JPA as a real R4 or R5 server, and HL7's resource validator, both from one Java program that is built once.

Nothing here knows a resource of the project: whatever is asked of the server goes over HTTP.
"""

import contextlib
import fcntl
import hashlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent / "hapi"
TARGET = PROJECT / "target"
MEMORY = "-Xmx1500m"
# The server lives for minutes: compiling lightly starts it a quarter sooner and is still ahead after 1,000 resources.
SERVE = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dscheduling_disabled=true")
VALIDATE = ("-XX:+UseParallelGC",)
BUILD_SECONDS = 900
START_SECONDS = 180
STOP_SECONDS = 10
TAIL_LINES = 40


class JavaError(RuntimeError):
    """The Java program did not build, start or finish; the message ends with the last lines of its log."""


@dataclass(frozen=True)
class Verdict:
    index: int
    resource_type: str | None
    id: str | None
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-TAIL_LINES:])


def _sources_hash() -> str:
    files = [PROJECT / "pom.xml", *sorted(path for path in (PROJECT / "src").rglob("*") if path.is_file())]
    parts = (f"{path.relative_to(PROJECT)}\0".encode() + path.read_bytes() for path in files)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _built(stamp: str) -> bool:
    written, classpath = TARGET / "stamp", TARGET / "classpath"
    if not (written.exists() and classpath.exists() and written.read_text() == stamp):
        return False
    return all(Path(jar).exists() for jar in classpath.read_text().split(":"))


def build() -> str:
    """Builds the program if its sources changed, and gives its Java class path."""
    with (PROJECT / "pom.xml").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes side by side build one after the other
        stamp = _sources_hash()
        if not _built(stamp):
            command = ["mvn", "--batch-mode", "--quiet", "--no-transfer-progress", "package"]
            run = subprocess.run(
                command,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=BUILD_SECONDS,
                check=False,
            )
            if run.returncode:
                raise JavaError(f"{' '.join(command)} ended with {run.returncode}:\n{_tail(run.stdout)}")
            (TARGET / "stamp").write_text(stamp)
        return f"{TARGET / 'hapi.jar'}:{(TARGET / 'classpath').read_text()}"


def _await_ready(server: subprocess.Popen[bytes], log: Path, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while True:
        text = log.read_text(errors="replace")
        for line in text.splitlines(keepends=True):
            if line.startswith("READY ") and line.endswith("\n"):
                return line.split()[1]
        if server.poll() is not None:
            raise JavaError(f"the FHIR server ended with {server.returncode} before it was ready:\n{_tail(text)}")
        if time.monotonic() > deadline:
            raise JavaError(f"the FHIR server was not ready after {seconds:g} s:\n{_tail(text)}")
        time.sleep(0.1)


@contextlib.contextmanager
def start(port: int = 0, seconds: float = START_SECONDS, fhir: str = "R4") -> Iterator[str]:
    """An empty server's base URL, on a free port unless one is named; the server is gone when the block ends."""
    classpath = build()
    command = ["java", MEMORY, *SERVE, "-cp", classpath, "fhirtrial.Main", "serve", str(port), "--fhir", fhir]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "hapi.log"
        with (
            log.open("wb") as out,
            # The server stops when this end of its standard input closes, even if this process is killed.
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT) as server,
        ):
            try:
                yield _await_ready(server, log, seconds)
            finally:
                server.terminate()
                try:
                    server.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    server.kill()


def validate(resources: Iterable[dict[str, Any]], fhir: str = "R4") -> list[Verdict]:
    """HL7's verdict on each resource, in order; one process start for all of them, so hand over many at once."""
    lines = [json.dumps(resource, ensure_ascii=False) for resource in resources]
    if not lines:
        return []
    command = ["java", MEMORY, *VALIDATE, "-cp", build(), "fhirtrial.Main", "validate", "--fhir", fhir]
    run = subprocess.run(command, input="\n".join(lines).encode(), capture_output=True, check=False)
    if run.returncode:
        log = run.stderr.decode(errors="replace")
        raise JavaError(f"the {fhir} validator ended with {run.returncode}:\n{_tail(log)}")
    verdicts = [_verdict(json.loads(line)) for line in run.stdout.decode().splitlines()]
    if len(verdicts) != len(lines):
        raise JavaError(f"the {fhir} validator gave {len(verdicts)} verdicts on {len(lines)} resources")
    return verdicts


def _verdict(row: dict[str, Any]) -> Verdict:
    return Verdict(row["index"], row["resourceType"], row["id"], tuple(row["errors"]), tuple(row["warnings"]))
