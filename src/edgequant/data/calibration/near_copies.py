"""Were calibration images made from the data set's own by flipping, shifting, erasing …?

An independent image of the same domain has a nearest neighbour among the training images too. How near that is,
is measured on the validation images, which are independent. A calibration image that is far nearer, and yet is not
the image itself, was made from it. Flips and small shifts of the training images are looked through as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ..dataset import AbstractSplit
from .two_sample import ALPHA

SIDE = 14  # images are compared at 14x14 grey pixels: enough to see an erased patch of a quarter of the side
QUERIES = 100
SOURCES = 50_000  # training images that are looked through
PIXELS = 2_000_000_000  # and their pixels, colours included
BATCH = 500
RECODED = 0.98  # likeness of an image and its JPEG of quality 50; measured in tests/data/test_near_copies.py
FEWEST = 10  # a rank test of fewer says nothing


@dataclass(frozen=True)
class Copies:
    """Of `looked` calibration images, `exact` are byte for byte the data set's own.

    `near` is the median likeness (correlation) of the others with the most similar training image, `usual` that of
    validation images; `p` says whether they are nearer than these. `moved`: the share whose nearest image is a
    mirrored or shifted one.
    """

    looked: int
    exact: int
    near: float = 0.0
    usual: float = 0.0
    moved: float = 0.0
    moved_usually: float = 0.0
    p: float = 1.0

    @property
    def touched(self) -> bool:
        """Whether more happened to them than saving as JPEG or resizing, which leave the likeness above RECODED."""
        return self.made_from and self.near < RECODED

    @property
    def made_from(self) -> bool:
        """Whether the images that are not the data set's own were made from them."""
        return self.p < ALPHA


def find_copies(images: Array, train: AbstractSplit, validation: AbstractSplit) -> Copies:
    """`images` (n, H, W, C) pixels, of the shape of the splits'. Deterministic."""
    chosen = images[np.sort(np.random.default_rng(0).permutation(len(images))[:QUERIES])]
    sources = np.arange(min(len(train), SOURCES, max(1, PIXELS // max(1, int(np.prod(images.shape[1:]))))))
    small, known = _read(train, sources)
    held, more = _read(validation, np.arange(min(len(validation), QUERIES)))
    own = known | more
    new = np.array([_digest(image) not in own for image in chosen], bool)
    exact = int((~new).sum())
    if new.sum() < FEWEST or len(held) < FEWEST:
        return Copies(len(chosen), exact)
    near, moved = _nearest(_small(chosen[new]), small)
    usual, usually = _nearest(held, small)
    return Copies(
        len(chosen), exact, float(np.median(near)), float(np.median(usual)), float(moved.mean()),
        float(usually.mean()), _nearer(near, usual),
    )  # fmt: skip


def _nearer(here: Array, there: Array) -> float:
    """One-sided Mann-Whitney test that `here` is larger."""
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(here, there, alternative="greater").pvalue)


def _read(split: AbstractSplit, where: Array) -> tuple[Array, set[bytes]]:
    """Small versions (n, SIDE, SIDE) of the images at `where`, and the digests of them all."""
    parts, digests = [], set()
    for at in range(0, len(where), BATCH):
        batch = split.take(where[at : at + BATCH])
        parts.append(_small(batch))
        digests |= {_digest(image) for image in batch}
    return np.concatenate(parts) if parts else np.zeros((0, SIDE, SIDE)), digests


def _digest(image: Array) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(image, np.float32).data).digest()


def _small(images: Array) -> Array:
    """(n, H, W, C) -> (n, SIDE, SIDE) float32 grey, by the means of equal areas; smaller images stay as they are."""
    grey = images.astype(np.float32).mean(3)
    small: Array = _areas(grey.shape[1]) @ grey @ _areas(grey.shape[2]).T
    return small


def _areas(size: int) -> Array:
    """(min(SIDE, size), size) float32: the share of each pixel in each of the equal parts of a side.

    A mirrored image's parts are the mirrored parts, which whole pixels would not give where SIDE does not divide.
    """
    parts = min(SIDE, size)
    edges = np.linspace(0, size, parts + 1)
    starts = np.arange(size)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return (np.clip(overlap, 0, None) * parts / size).astype(np.float32)  # type: ignore[no-any-return]


def _nearest(images: Array, sources: Array) -> tuple[Array, Array]:
    """(n,) largest correlation with a source as it is, mirrored or shifted; (n,) whether one of the latter won."""
    flat = _unit(images)
    best, moved = np.full(len(images), -1.0), np.zeros(len(images), bool)
    for number, variant in enumerate(_variants(sources)):
        likeness = np.max(flat @ _unit(variant).T, axis=1)
        won = likeness > best + 1e-6
        best, moved = np.where(won, likeness, best), np.where(won, number > 0, moved)
    return best, moved


def _unit(images: Array) -> Array:
    flat = images.reshape(len(images), -1)
    centred = flat - flat.mean(1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)  # type: ignore[no-any-return]


def _variants(sources: Array) -> Iterator[Array]:
    """As they are first; mirrored, upside down, turned by quarters where square, and shifted by a small pixel."""
    yield sources
    yield sources[:, :, ::-1]
    yield sources[:, ::-1]
    yield sources[:, ::-1, ::-1]
    if sources.shape[1] == sources.shape[2]:
        yield np.rot90(sources, 1, (1, 2))
        yield np.rot90(sources, -1, (1, 2))
    for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1)):
        yield np.roll(sources, step, axis)
