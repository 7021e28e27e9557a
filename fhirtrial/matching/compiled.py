"""The gates of `planes` as machine code, where numba is installed (extra `fast`) and the patients are enough to pay.

The same arrays in, the same bits out: a stretch of patients at a time, small enough to stay in a core's cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from fhirtrial.matching.network import Ints, Network
from fhirtrial.matching.planes import LEVELS, Planes

WORDS = 2
"""Words of one stretch: with some ten thousands of slots they fill a core's second cache."""
DIGITS = 16


def available() -> bool:
    from importlib.util import find_spec

    return find_spec("numba") is not None


def verdict_planes(network: Network, atoms: Planes, threads: int | None = None) -> Planes:
    """The planes of the trials' verdicts from those of the atoms."""
    words = atoms.shape[2]
    out = np.empty((len(network.verdicts), LEVELS, words), np.uint64)
    run, gates = _compiled(), _flat(network)
    number = min(threads or os.cpu_count() or 1, -(-words // WORDS))
    cuts = np.linspace(0, words, number + 1).astype(int).tolist()
    with ThreadPoolExecutor(number) as pool:
        parts = pairwise(cuts)
        list(pool.map(lambda part: run(*gates, network.verdicts, network.slots, atoms, out, *part), parts))
    return out


def _flat(network: Network) -> tuple[Ints, Ints, Ints]:
    """Every gate's kind, where its inputs start, and all inputs."""
    kinds = np.concatenate([np.full(layer.gates, layer.k) for layer in network.layers] or [np.empty(0, np.int64)])
    lengths = np.concatenate([np.diff(layer.starts) for layer in network.layers] or [np.empty(0, np.int64)])
    inputs = np.concatenate([layer.inputs for layer in network.layers] or [np.empty(0, np.int64)])
    return kinds, np.concatenate([[0], np.cumsum(lengths)]), inputs


@cache
def _compiled() -> Callable[..., None]:
    from numba import njit

    made: Callable[..., None] = njit(nogil=True)(_run)
    return made


def _run(
    kinds: Any, starts: Any, inputs: Any, verdicts: Any, slots: int, atoms: Any, out: Any, first: int, last: int
) -> None:
    number = atoms.shape[0]
    planes = np.empty((slots, LEVELS, WORDS), np.uint64)
    digits = np.empty(DIGITS, np.uint64)
    for begin in range(first, last, WORDS):
        width = min(WORDS, last - begin)
        for slot in range(number):
            for level in range(LEVELS):
                for word in range(width):
                    planes[slot, level, word] = atoms[slot, level, begin + word]
        for gate in range(len(kinds)):
            slot, k, start, end = number + gate, kinds[gate], starts[gate], starts[gate + 1]
            for level in range(LEVELS):
                for word in range(width):
                    if k == 0:
                        value = ~planes[inputs[start], LEVELS - 1 - level, word]
                    else:
                        value = planes[inputs[start], level, word]
                        if k == -1:
                            for i in range(start + 1, end):
                                value &= planes[inputs[i], level, word]
                        elif k == 1:
                            for i in range(start + 1, end):
                                value |= planes[inputs[i], level, word]
                        else:
                            used = 0
                            for i in range(start, end):
                                carry = planes[inputs[i], level, word]
                                for place in range(used):
                                    full = digits[place] & carry
                                    digits[place] ^= carry
                                    carry = full
                                if (i - start + 1) >> used:
                                    digits[used] = carry
                                    used += 1
                            value = np.uint64(0)
                            equal = ~np.uint64(0)
                            for place in range(used - 1, -1, -1):
                                if (k >> place) & 1:
                                    equal &= digits[place]
                                else:
                                    value |= equal & digits[place]
                                    equal &= ~digits[place]
                            value |= equal
                    planes[slot, level, word] = value
        for trial in range(len(verdicts)):
            for level in range(LEVELS):
                for word in range(width):
                    out[trial, level, begin + word] = planes[verdicts[trial], level, word]
