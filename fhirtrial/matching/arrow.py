"""Match lines as Arrow columns; pyarrow is an extra, so that nothing else here needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from fhirtrial.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    "schemaVersion",
    "patient",
    "trial",
    "on",
    "verdict",
    "decided_by",
    "counts",
    "reviewed",
    "set_aside",
    "next_change",
    "unchanged_until",
    "criteria",
)


def batch_of(lines: list[dict[str, Any]]) -> pa.RecordBatch:
    """One batch with the same columns whatever the lines hold; lists and objects travel as JSON text."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ConfigError("Arrow", "needs pyarrow", "pip install 'fhirtrial[parquet]'") from error
    types = {name: pa.bool_() if name == "reviewed" else pa.string() for name in COLUMNS}
    columns = [pa.array([_cell(line.get(name)) for line in lines], types[name]) for name in COLUMNS]
    return pa.RecordBatch.from_arrays(columns, names=list(COLUMNS))


def _cell(value: object) -> object:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value
