"""Groups that others published, in files: found by their content, and read by the mapping that claims Group.

A Group is never taken for a trial on a server, where Groups are of every kind; and nothing is published of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import orjson

from fhirtrial.errors import ArtifactError
from fhirtrial.matching.result import Trial
from fhirtrial.plugins import Registry, Resource
from fhirtrial.terminology import Terminology

_SAYS_GROUP = re.compile(rb'"resourceType"\s*:\s*"Group"')


def group_files(path: Path) -> dict[str, Resource]:
    """The Groups among a folder's JSON files, or in the one file, by file name."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path] if path.suffix == ".json" else []
    return dict(_groups(file for file in files if not file.name.endswith(".bundle.json")))


def trial_of(group: Resource, mappings: Registry, terminology: Terminology) -> Trial:
    mapping = mappings.of_resource("Group", "R4")
    if mapping is None or mapping.adopt is None:
        raise ArtifactError("Group", "no mapping reads other people's Groups", "install the standard mappings")
    return mapping.adopt(group, terminology)


def _groups(files: Iterator[Path]) -> Iterator[tuple[str, Resource]]:
    """What is no JSON, or no Group, is for the readers of records to say."""
    for file in files:
        try:
            content = file.read_bytes()
            if not _SAYS_GROUP.search(content):
                continue
            found = orjson.loads(content)
        except (OSError, orjson.JSONDecodeError):
            continue
        if isinstance(found, dict) and found.get("resourceType") == "Group":
            yield file.name, found
