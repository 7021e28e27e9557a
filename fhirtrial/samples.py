"""Where the sample trials and patients lie, in a checkout as in an installed wheel."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from fhirtrial.errors import ConfigError

DEMO_DATE = dt.date(2026, 11, 1)
"""The index date for which the sample patients were written."""


def sample_bundles() -> Path:
    """The folder with `trials` and `patients`."""
    package = Path(__file__).parent
    for folder in (package / "sample_bundles", package.parent / "sample_bundles"):
        if (folder / "trials").is_dir():
            return folder
    raise ConfigError("sample_bundles", "is not part of this installation", "install fhirtrial from its wheel")
