"""Logging for the doors: to stderr, as text or JSON lines; no message here or below ever holds patient data."""

from __future__ import annotations

import json
import logging
import sys

from fhirtrial.errors import ConfigError

FORMATS = ("text", "json")


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(line)


def set_up(log_format: str) -> None:
    if log_format not in FORMATS:
        raise ConfigError("--log-format", repr(log_format), f"use one of {', '.join(FORMATS)}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines() if log_format == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s")
    )
    root = logging.getLogger("fhirtrial")
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
