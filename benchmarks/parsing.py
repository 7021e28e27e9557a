"""Scores the criteria parser on a corpus and prints the goals table: parsing.py PATH [GOAL], see docs/parsing.md.

PATH is a Chia BRAT folder, a folder of API v2 records, gzipped text lines, or a folder of such; GOAL lists its misses.
Gold comes from the corpus alone; where a gold span must be normalized, a reader that is not the parser does it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from corpora import score_chia, score_lines, score_records
from goals.speed import load_names

from fhirtrial.terminology import Terminology


def main(path: Path, goal: str = "") -> int:
    if not path.exists():
        print(f"{path}: no corpus, skipped")
        return 0
    terminology = load_names()
    if not _score(path, terminology, goal):
        print(f"{path}: holds no Chia annotations (.ann), no API v2 records (.json) and no text lines (.jsonl.gz)")
    return 0


def _score(path: Path, terminology: Terminology, goal: str) -> bool:
    """Whether anything was there to score; a folder of corpora is scored corpus by corpus."""
    if path.is_file():
        if not path.name.endswith(".jsonl.gz"):
            return False
        score_lines(path, terminology, goal)
        return True
    if any(path.glob("*.ann")):
        score_chia(path, terminology, goal)
        return True
    if any(path.glob("*.json")):
        return score_records(path, terminology, goal)
    found = False
    for inner in sorted(p for p in path.iterdir() if p.is_dir() or p.name.endswith(".jsonl.gz")):
        print(f"== {inner.name}")
        found = _score(inner, terminology, goal) or found
    return found


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: parsing.py PATH [GOAL]")
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""))
