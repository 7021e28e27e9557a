"""Results as FHIR: CPU time to make each kind of resource, what its JSON weighs, and how many a second reach a sink.

`python benchmarks/results.py [TIMES]` takes the matches of the sample patients with the sample trials, so many times.
The sink is a transaction Bundle per 500 entries, written as JSON to nowhere; what `orjson.dumps` takes for the same
resources stands beside.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import defaultdict

import orjson

import fhirtrial
from fhirtrial.job.publish import transaction
from fhirtrial.job.report import reporting, screenings
from fhirtrial.plugins import Draft
from fhirtrial.samples import DEMO_DATE, sample_bundles
from fhirtrial.site import Site

ENTRIES = 500


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 5
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
