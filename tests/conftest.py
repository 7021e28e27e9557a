"""How every test runs: beside those of its module, with the outside programs that servers/ starts at hand."""

from __future__ import annotations

import gc
import os

import pytest
from desk import desk
from hypothesis import HealthCheck, settings

pytest_plugins = ["servers.fixtures"]

run_desk = pytest.fixture(desk, name="cli")

LENGTHY = ("java", "node", "slow")

LONG = bool(os.environ.get("FHIRTRIAL_LONG"))

# No property has to hold within a time, nor its examples to be drawn in one; each is tried on the same few examples
# every day, and on many others in the long run.
settings.register_profile(
    "project",
    max_examples=1_000 if LONG else 60,
    derandomize=not LONG,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")


def pytest_itemcollected(item: pytest.Item) -> None:
    """With `--dist loadgroup` a module's tests go to one process, which makes what they share once.

    A group of its own wins, and what takes long alone goes wherever there is room.
    """
    if not any(item.get_closest_marker(name) for name in ("xdist_group", *LENGTHY)):
        item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end, and tables of cases grow: the collector need not look so often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
