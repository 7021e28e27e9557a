"""Truths as four bit planes, plane t = [x ≥ t]: min is AND and max is OR on every plane, Not reverses and complements.

A plane holds 64 patients in a word, so that one instruction decides for all of them; `network` says which gates.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fhirtrial.matching.network import Ints, Layer, Network

Planes = NDArray[np.uint64]
LEVELS = 4
WORD = 64
_REACHED = (np.arange(LEVELS + 1)[:, None] > np.arange(LEVELS)).astype(np.uint64)
"""[truths × planes]: the bit of each."""
STRETCH = 32
"""Words of patients for whom all gates are evaluated before others are looked at."""
IN_CACHE = 1 << 15
"""Words of gates that are combined at once: as many as a core's cache holds with what they read."""


def packed(truth: NDArray[np.int8]) -> Planes:
    """[slots × patients] → [slots × 4 × words]; patients beyond the last are `no`."""
    slots, patients = truth.shape
    words, octets = -(-patients // WORD), -(-patients // 8)
    planes = np.zeros((slots, LEVELS, words * 8), np.uint8)
    if patients % 8:  # whole octets, so that all slots are packed in one stretch
        truth = np.pad(truth, ((0, 0), (0, -patients % 8)))
    for level in range(LEVELS):
        bits = np.packbits(truth > level, bitorder="little")
        planes[:, level, :octets] = bits.reshape(slots, octets)
    return planes.view(np.uint64)


def packed_few(truth: NDArray[np.int8]) -> Planes:
    """As `packed`, for a few patients, whose bits are set one by one."""
    planes = np.zeros((len(truth), LEVELS, 1), np.uint64)
    for patient in range(truth.shape[1]):
        planes[:, :, 0] |= _REACHED[truth[:, patient]] << np.uint64(patient)
    return planes


def unpacked(planes: Planes, patients: int) -> NDArray[np.int8]:
    """[slots × 4 × words] → [slots × patients]"""
    truth = np.zeros((len(planes), patients), np.int8)
    for level in range(LEVELS):
        bits = np.ascontiguousarray(planes[:, level]).view(np.uint8)
        truth += np.unpackbits(bits, axis=1, count=patients, bitorder="little").view(np.int8)
    return truth


def evaluated(network: Network, atoms: NDArray[np.int8], wanted: Ints) -> Planes:
    """The planes of the wanted slots from the truths of the atoms [atoms × patients].

    One stretch of patients after the other, in the same memory: that of all slots for all patients at once would be
    fresh, and each page of it costs more than what is computed there.
    """
    patients = atoms.shape[1]
    found = np.empty((len(wanted), LEVELS, -(-patients // WORD)), np.uint64)
    room = np.empty((0, LEVELS, 0), np.uint64)
    for first in range(0, found.shape[2], STRETCH):
        packed_here = packed(atoms[:, first * WORD : (first + STRETCH) * WORD])
        if packed_here.shape[2] != room.shape[2]:
            room = np.empty((network.slots, *packed_here.shape[1:]), np.uint64)
        room[: len(atoms)] = packed_here
        for layer in network.layers:
            if layer.k == 0:
                room[layer.first : layer.first + layer.gates] = ~room[layer.inputs][:, ::-1]
            else:
                _layer(layer, room)
        found[:, :, first : first + STRETCH] = room[wanted]
    return found


def _layer(layer: Layer, planes: Planes) -> None:
    if layer.k > 1:
        for gate, (start, end) in enumerate(pairwise(layer.starts.tolist()), layer.first):
            planes[gate] = at_least(layer.k, planes[layer.inputs[start:end]])
        return
    combine = np.bitwise_and if layer.k == -1 else np.bitwise_or
    first, *others = layer.nth
    size = max(1, IN_CACHE // planes[0].size)
    for start in range(0, layer.gates, size):
        here = planes[layer.first + start : layer.first + min(start + size, layer.gates)]
        np.take(planes, first[start : start + size], axis=0, out=here, mode="clip")  # any other mode takes a copy
        for nth in others:
            nodes = nth[start : start + size]
            if not len(nodes):
                break
            combine(here[: len(nodes)], planes[nodes], out=here[: len(nodes)])


def at_least(k: int, nodes: Planes) -> Planes:
    """Where at least `k` of the nodes' bits are set, counted in bit slices: digit d of all counts is one array."""
    digits: list[Planes] = []
    for node in nodes:
        carry = node
        for place, digit in enumerate(digits):
            digits[place], carry = digit ^ carry, digit & carry
        digits.append(carry)
    # count >= k, from the highest digit down: greater so far, or equal so far
    greater, equal = np.zeros_like(nodes[0]), ~np.zeros_like(nodes[0])
    for place in range(len(digits) - 1, -1, -1):
        if k >> place & 1:
            equal = equal & digits[place]
        else:
            greater, equal = greater | (equal & digits[place]), equal & ~digits[place]
    reached: Planes = greater | equal
    return reached


def one_by_one(network: Network, atoms: NDArray[np.int8]) -> NDArray[np.int8]:
    """All slots' truths for one patient: so few that bytes are quicker than planes."""
    truth = np.empty(network.slots, np.int8)
    truth[: len(atoms)] = atoms
    for layer in network.layers:
        here = slice(layer.first, layer.first + layer.gates)
        if layer.pairs is not None:
            combine = np.minimum if layer.k == -1 else np.maximum
            combine(truth[layer.pairs[0]], truth[layer.pairs[1]], out=truth[here])
            continue
        nodes = truth[layer.inputs]
        if layer.k == 0:
            truth[here] = 4 - nodes
        elif layer.k == -1:
            np.minimum.reduceat(nodes, layer.starts[:-1], out=truth[here])
        elif layer.k == 1:
            np.maximum.reduceat(nodes, layer.starts[:-1], out=truth[here])
        else:
            reached = [np.add.reduceat(nodes > level, layer.starts[:-1], dtype=np.int64) for level in range(LEVELS)]
            truth[here] = (np.array(reached) >= layer.k).sum(axis=0)
    return truth
