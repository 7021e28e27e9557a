"""G14: tree → English → tree gives the same tree, for every tree that the parser makes of a corpus.

`python benchmarks/english_roundtrip.py PATH [shown]`: PATH is a Chia BRAT folder, API v2 records or gzipped text lines.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from chia import read_chia
from goals.tally import Tally, row

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.criteria.english import english
from fhirtrial.criteria.reading.english import reading
from fhirtrial.criteria.text.parse import parse_criterion
from fhirtrial.criteria.tree import Node
from fhirtrial.criteria.wording import Names
from fhirtrial.records.eligibility import read_eligibility
from fhirtrial.records.fields import Eligibility
from fhirtrial.records.read import read_trials
from fhirtrial.terminology import Terminology, load

NAME = "G14 English and back"


def round_trip(counts: Tally, tree: Node, names: Names) -> None:
    words = english(tree, names.label)
    found = reading(words, names)
    counts.expect(found.node == tree, "; ".join(map(str, found.mistakes)) or words)


def main(path: Path, shown: int = 0) -> int:
    if not path.exists():
        print(f"{path}: no corpus, skipped")
        return 0
    terminology = load()
    names, counts = Names.of(terminology), Tally()
    for tree in _trees(path, terminology):
        round_trip(counts, tree, names)
    print(row(NAME, counts))
    for words in counts.missed[:shown]:
        print(f"    {words}")
    return 0


def _trees(path: Path, terminology: Terminology) -> Iterator[Node]:
    if path.is_file() and path.name.endswith(".jsonl.gz"):
        for text in _texts(path):
            criteria = read_eligibility(text, Eligibility()).criteria
            yield from (_parsed(c, terminology, text) for c in criteria if c.span is not None)
    elif any(path.glob("*.ann")):
        yield from (parse_criterion(line.text, line.kind, terminology).tree for line in read_chia(path))
    else:
        for record in read_trials(path, terminology).records:
            yield from (criterion.tree for criterion in record.criteria)


def _parsed(criterion: Criterion, terminology: Terminology, text: str) -> Node:
    return parse_criterion(criterion.text, criterion.kind, terminology, text).tree


def _texts(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield from json.loads(line)["texts"].values()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: english_roundtrip.py PATH [shown]")
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
