"""Tables of cases in YAML, by libyaml where Python has it, else by the slower loaders, which say the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

__all__ = ["Loader", "TextLoader", "read_table"]

if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import BaseLoader as TextLoader
    from yaml import SafeLoader as Loader
else:
    from yaml import CBaseLoader as TextLoader
    from yaml import CSafeLoader as Loader


def read_table(path: Path, loader: type[Loader | TextLoader] = Loader) -> Any:
    """The file's values; `TextLoader` leaves every scalar its own text."""
    return yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506 - each builds plain values only
