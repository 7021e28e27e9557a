"""Reading: Bundles → facts against `orjson.loads` over the same bytes in the same run; CPU time, minima over rounds.

    python benchmarks/reading.py BUNDLES.ndjson[.gz] [ROUNDS]

The first reading learns what recurring bytes mean (`first`); `again` is every later one, of the same bundles or others.
"""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import orjson

from fhirtrial.patients import read_patients, stored
from fhirtrial.patients.skim import BUNDLE


def bundles(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines(keepends=True)


def cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def read(path: Path) -> int:
    return sum(len(facts) for facts in read_patients(path))


def rate(path: Path, repeats: int) -> float:
    """Bundles a second by the clock, once the patterns are known."""
    read(path)
    began = time.perf_counter()
    for _ in range(repeats):
        read(path)
    return repeats / (time.perf_counter() - began)


def scaling(paths: list[Path], repeats: int) -> float:
    """How much faster two processes read than one, each its own half."""
    with get_context("spawn").Pool(2) as pool:
        alone = max(pool.apply(rate, (path, repeats)) for path in paths)
        together = sum(pool.starmap(rate, [(path, repeats) for path in paths], chunksize=1))
    return together / alone


def main(source: Path, rounds: int) -> None:
    lines = bundles(source)
    size = sum(map(len, lines))
    with tempfile.TemporaryDirectory() as folder:
        whole, halves = Path(folder) / "all.ndjson", [Path(folder) / f"{n}.ndjson" for n in range(2)]
        whole.write_bytes(b"".join(lines))
        for n, half in enumerate(halves):
            half.write_bytes(b"".join(lines[n::2]))
        first = cpu(lambda: read(whole))
        best: dict[str, float] = {}
        works: dict[str, Callable[[], object]] = {
            "orjson.loads": lambda: [orjson.loads(line) and None for line in lines],
            "skimming alone": lambda: [BUNDLE.decode(line) and None for line in lines],
            "facts, again": lambda: read(whole),
        }
        for _ in range(rounds):
            for name, work in works.items():
                best[name] = min(best.get(name, 1e9), cpu(work))
        chunks = list(read_patients(whole))
        facts = sum(len(chunk) for chunk in chunks)
        rows = [("facts, first", first), *best.items()]
        stem = Path(folder) / "part"
        stored.write(chunks[0], [""] * len(chunks[0].patients), stem)
        parquet = min(cpu(lambda: stored.read(stem)) for _ in range(rounds))
        bytes_each = sum(path.stat().st_size for path in Path(folder).glob("part.*")) / len(chunks[0])
        two = scaling(halves, rounds) if len(os.sched_getaffinity(0)) > 1 else float("nan")
    print(f"{len(lines)} bundles, {size / len(lines) / 1e3:.0f} KB each, {facts} facts; CPU time, {rounds} rounds\n")
    print("| reader | MB/s | ms per bundle | µs per fact | × orjson |\n|---|---|---|---|---|")
    for name, seconds in rows:
        each, fact = seconds / len(lines) * 1e3, seconds / facts * 1e6
        ratio = best["orjson.loads"] / seconds
        print(f"| {name} | {size / seconds / 1e6:.0f} | {each:.2f} | {fact:.2f} | {ratio:.2f} |")
    print(f"\nfrom Parquet: {len(chunks[0]) / parquet / 1e6:.1f} M facts/s, {bytes_each:.1f} bytes per fact")
    print(f"two processes: × {two:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5)
