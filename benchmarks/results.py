"""Matches with evidence and results as FHIR: CPU time to make them, what their JSON weighs, how many reach a sink.

`python benchmarks/results.py [TIMES]` matches patients with the real trials and with 5,000 made of them, then takes the
matches of the sample patients with the sample trials, so many times. The sink is a transaction Bundle per 500 entries,
written as JSON to nowhere; what `orjson.dumps` takes for the same resources stands beside.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections import defaultdict, deque
from functools import partial

import orjson
from kernel import CORPUS, ON, TRIALS, bundles, cpu, run_of
from workload import real_trials

import fhirtrial
from fhirtrial.job.publish import transaction
from fhirtrial.job.report import reporting, screenings
from fhirtrial.matching.match import Run
from fhirtrial.patients.facts import Facts
from fhirtrial.patients.read import facts_of
from fhirtrial.plugins import Draft
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.site import Site

ENTRIES = 500
PATIENTS = 20


def with_evidence() -> None:
    """One patient against many trials, each criterion with its evidence: warm, without parsing."""
    real = real_trials(CORPUS)
    print("| trials | criteria | CPU ms per patient | us per criterion |\n|---|---|---|---|")
    people = [facts_of(line, on=ON) for line in bundles()[:PATIENTS]]
    for number in (len(real), TRIALS):
        run = run_of(number, real)
        criteria = sum(len(trial.criteria) for trial in run.trials)
        for facts in people:
            _matched(run, facts)
        each = statistics.median(cpu(partial(_matched, run, facts), 2) for facts in people)
        print(f"| {number} | {criteria:,} | {each * 1e3:.0f} | {each / criteria * 1e6:.1f} |")
    print()


def _matched(run: Run, facts: Facts) -> None:
    deque(run.matches(facts), maxlen=0)


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with_evidence()
    trials = fhirtrial.load_trials(sample_bundles() / "trials")
    found = screenings(fhirtrial.match(trials, sample_bundles() / "patients", on=DEMO_DATE))
    made = reporting(Site(), "R4")
    print("| resource | number | CPU us each | bytes | orjson.dumps us |\n|---|---|---|---|---|")
    spent, drafts = defaultdict[str, float](float), defaultdict[str, list[Draft]](list)
    gc.disable()  # its share belongs to whoever holds the objects; a run lets go of them lot by lot
    for mapping in made.mappings.mappings:
        if (mapping.of, mapping.fhir) == ("match", "R4"):
            for _ in range(times):
                start = time.process_time()
                some = [draft for screening in found for draft in mapping.build(screening, made.to)]
                spent[mapping.resource] += time.process_time() - start
            if some:
                drafts[mapping.resource] = some
    for kind, some in drafts.items():
        start = time.process_time()
        size = sum(len(orjson.dumps(draft.resource)) for draft in some)
        dumped = time.process_time() - start
        each = spent[kind] / times / len(some)
        row = (kind, len(some), f"{each * 1e6:.1f}", f"{size / len(some):,.0f}")
        print("| " + " | ".join(map(str, row)) + f" | {dumped / len(some) * 1e6:.1f} |")
    everything = [draft for some in drafts.values() for draft in some]
    start = time.process_time()
    for first in range(0, len(everything), ENTRIES):
        orjson.dumps(transaction(everything[first : first + ENTRIES], made.to.base))
    print(f"\nto a sink: {len(everything) / (time.process_time() - start):,.0f} resources a second")


if __name__ == "__main__":
    main()
