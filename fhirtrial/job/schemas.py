"""The published JSON Schemas of what goes in and out: record, criteria, match."""

from __future__ import annotations

from typing import Any

import orjson

from fhirtrial.criteria.document import criteria_schema
from fhirtrial.criteria.truth import Truth, Verdict
from fhirtrial.matching.result import SCHEMA_VERSION
from fhirtrial.records.record import record_schema

TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}


def schema_of(name: str) -> str:
    schemas = {"record": record_schema, "criteria": criteria_schema, "match": match_schema}
    return orjson.dumps(schemas[name](), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()


def match_schema() -> dict[str, Any]:
    """One line of `fhirtrial match`; `criteria` is there from --detail criteria on, evidence with --detail evidence."""
    truths = [t.label for t in Truth]
    evidence = dict.fromkeys(("resource", "version", "path", "value", "date", "compared"), TEXT)
    criterion = {
        "id": TEXT,
        "kind": {"enum": ["inclusion", "exclusion", "defect"]},
        "truth": {"enum": truths},
        "reasons": TEXTS,
        "text": TEXT,
        "evidence": {"type": "array", "items": _object(evidence, required=())},
        "needs": TEXTS,
    }
    line = {
        "schemaVersion": {"const": SCHEMA_VERSION},
        "patient": TEXT,
        "trial": TEXT,
        "on": {"type": "string", "format": "date"},
        "verdict": {"enum": [v.label for v in Verdict]},
        "decided_by": TEXTS,
        "counts": _object({t: {"type": "integer", "minimum": 0} for t in truths}, required=truths),
        "reviewed": {"type": "boolean"},
        "set_aside": TEXTS,
        "next_change": {"type": "string", "format": "date"},
        "unchanged_until": {"type": "string", "format": "date"},
        "criteria": {"type": "array", "items": _object(criterion, required=("id", "kind", "truth", "reasons"))},
    }
    required = [name for name in line if name not in {"set_aside", "next_change", "unchanged_until", "criteria"}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_object(line, required=required)}


def _object(properties: dict[str, Any], required: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
