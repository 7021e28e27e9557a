"""Disease that goes on in spite of treatment ("active disease despite methotrexate"), and the name that it is given.

That it was active after and despite the drugs no record says: a person is asked; that the drugs were given is encoded.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirtrial.criteria.text.found import Job
from fhirtrial.criteria.text.joints import place_of, stripped
from fhirtrial.criteria.text.lexemes import Lexeme
from fhirtrial.criteria.text.phrase import Item, cued, flat
from fhirtrial.criteria.tree import All, Def, Node, Not, NotComputable


def persisting(job: Job, items: Sequence[Item], depth: int) -> Node | None:
    """As in "refractory disease, defined as active disease despite glucocorticoids and an immunosuppressant"."""
    at = next(
        (n for n, i in enumerate(items) if n and isinstance(i, Lexeme) and i.value == "failed" and i.text == "despite"),
        None,
    )
    if at is None or at == len(items) - 1:
        return None
    head, tail = stripped(items[:at]), stripped(items[at + 1 :])
    if not head or not tail or cued(items, "negation", "if", "unless", "except") is not None:
        return None
    kinds = {job.names.kinds[x.value.concepts[0]] for x in flat(tail) if x.kind == "concept"}  # type: ignore[union-attr]
    if not kinds & {"medication", "procedure"}:
        return None
    given = job.clause(job, tail, depth + 1)
    if given is None or isinstance(given, NotComputable):
        return None
    same = place_of(head, "same")
    term, what = (stripped(head[:same]), stripped(head[same + 1 :])) if same else ((), head)
    if not what:
        return None
    disease = job.clause(job, what, depth + 1)
    known = () if disease is None or isinstance(disease, Not | NotComputable) else (disease,)
    body = All(nodes=(*known, job.residue("vague_term", what[0].start, items[at].end), given))
    if not term:
        return body
    job.cited.append((term[0].start, term[-1].end))
    return Def(term=job.words(term[0].start, term[-1].end), body=body)
