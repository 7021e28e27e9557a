"""G13: a sample of the generated pairs that must be read alike, or apart in one number only; the tests take more."""

from __future__ import annotations

import sys
from pathlib import Path

from goals.tally import Tally

# The pairs are the tests' own.
sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))

from criteria.text.metamorphic import QUICK, troubles


def metamorphic(counts: Tally) -> None:
    for trouble in troubles(QUICK):
        counts.expect(trouble is None, trouble or "")
