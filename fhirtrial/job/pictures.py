"""Attrition into files: a picture by the file's ending, JSON, or a folder with a picture per trial."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson

from fhirtrial.cohort.folder import ATTRITION
from fhirtrial.errors import ConfigError
from fhirtrial.matching.attrition import Attrition
from fhirtrial.picture.flow import flow
from fhirtrial.picture.png import png
from fhirtrial.picture.svg import svg


def write_attrition(found: Sequence[Attrition], output: Path) -> list[str]:
    """Writes it and returns what a person should be told, a line for each file."""
    ending = output.suffix.lower()
    if ending == ".json":
        return [_written(output, _json(found))]
    if ending in {".svg", ".png"}:
        if len(found) != 1:
            todo = "choose one with --trial ID, or name a folder"
            raise ConfigError(str(output), f"one picture for {len(found)} trials", todo)
        drawing = flow(found[0])
        if ending == ".svg":
            return [_written(output, svg(drawing))]
        drawn = png(drawing)
        some = f"{drawn.missing[:10]}{f' and {len(drawn.missing) - 10} others' if len(drawn.missing) > 10 else ''}"
        missing = f"no font on this machine has {some}: a .svg is shown with its reader's fonts"
        return [_written(output, drawn.data), *([missing] if drawn.missing else [])]
    if ending and not output.is_dir():
        raise ConfigError(str(output), f"no picture ends in {ending}", "name a .svg, .png or .json file, or a folder")
    said = [_written(output / name, svg(flow(one))) for name, one in _names(found).items()]
    return [*said, _written(output / ATTRITION, _json(found))]


def _names(found: Sequence[Attrition]) -> dict[str, Attrition]:
    """A file name for each: the trial's id, and the day where there are several."""
    ids = [re.sub(r"[^A-Za-z0-9_-]+", "-", one.trial) for one in found]
    times = Counter(ids)
    names: dict[str, Attrition] = {}
    for place, (name, one) in enumerate(zip(ids, found, strict=True)):
        own = name if times[name] == 1 else f"{name}-{one.on.isoformat()}"
        names[f"{own}.svg" if f"{own}.svg" not in names else f"{own}-{place}.svg"] = one
    return names


def _json(found: Sequence[Attrition]) -> bytes:
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps([one.model_dump(mode="json") for one in found], option=options)


def _written(path: Path, data: bytes) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be written ({error.strerror})", "name a place you can write to"
        ) from error
    return f"wrote {path}"
