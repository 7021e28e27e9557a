"""This software's version, from the installed package's metadata."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("fhirtrial")
except PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0+source"
