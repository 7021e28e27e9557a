"""FHIR Expressions that point into a trial's CQL; a criterion without CQL is the constant unknown, with its reason."""

from __future__ import annotations

from fhirtrial.criteria.criterion import Criterion
from fhirtrial.expressions.cql import NoCql, cql
from fhirtrial.expressions.fhirpath import Path, fhirpath
from fhirtrial.plugins import Publication, Resource
from fhirtrial_mappings.artifacts.extensions import ALTERNATIVE_EXPRESSION
from fhirtrial_mappings.identity import library_url

IDENTIFIER = "text/cql-identifier"
INLINE = "text/cql-expression"
FHIRPATH = "text/fhirpath"
_CONTEXT = "On a Bundle of the patient's record, with %IndexDate, %Loaded and %RecordStart; empty is unknown."


def identifier(name: str, trial_id: str, to: Publication, description: str | None = None) -> Resource:
    """The define `name` of the trial's Library."""
    told = {"description": description} if description else {}
    return {**told, "language": IDENTIFIER, "expression": name, "reference": library_url(trial_id, to)}


def criterion(item: Criterion, trial_id: str, to: Publication) -> Resource:
    """The criterion's own define, true where it is so as written; null, which is unknown, where CQL cannot say it."""
    match cql(item, to.terminology):
        case NoCql(reason=reason):
            return {"description": f"No CQL: {reason}", "language": INLINE, "expression": "null as Boolean"}
        case define:
            return identifier(define.name, trial_id, to)


def with_alternative(expression: Resource, item: Criterion, to: Publication) -> Resource:
    """The expression with the criterion's FHIRPath inside it, where FHIRPath says exactly the same."""
    match fhirpath(item, to.terminology):
        case Path(expression=said):
            other = {"description": _CONTEXT, "language": FHIRPATH, "expression": said}
            return {"extension": [{"url": ALTERNATIVE_EXPRESSION, "valueExpression": other}], **expression}
        case _:
            return expression
