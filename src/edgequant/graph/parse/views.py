"""A tensor seen through reshapes and permutes, which cost nothing until somebody has to write the result down.

A tensor of the program is an image (C, H, W) or a vector (C,). Networks permute them (NCHW to NHWC and
back), split their channels to shuffle them, or flatten their pixels to a list of tokens. Each dimension
of such a view is a product of atoms, and an atom is a regular part of one axis of the tensor below.
Permutes that cancel therefore leave the tensor itself, and no step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

Shape = tuple[int, ...]
Atom = tuple[int, int, int]  # axis of the tensor below, size, stride in positions of that axis


@dataclass(frozen=True)
class View:
    """`dims[i]` are the atoms of dimension i, outermost first; a dimension of size 1 has none. No batch."""

    base: Shape
    dims: tuple[tuple[Atom, ...], ...]

    @property
    def shape(self) -> Shape:
        return tuple(math.prod(size for _, size, _ in atoms) for atoms in self.dims)

    @property
    def atoms(self) -> tuple[Atom, ...]:
        """In order, neighbours that are one regular part joined."""
        return _joined([atom for atoms in self.dims for atom in atoms])

    @property
    def plain(self) -> bool:
        """Whether the values lie in the order of the tensor below, whatever the shape."""
        return self.atoms == whole(self.base).atoms

    @property
    def identity(self) -> bool:
        return self.plain and self.shape == self.base

    def axis(self, dim: int) -> int | None:
        """The axis of the tensor below that this dimension is, all of it; None for parts and products."""
        if dim >= len(self.dims) or len(self.dims[dim]) != 1:
            return None
        axis, size, _ = self.dims[dim][0]
        return axis if size == self.base[axis] else None

    def permutation(self) -> tuple[int, ...] | None:
        """The axis that each dimension is, where the view only reorders axes; else None. Axes of size 1 fill in."""
        found = [self.axis(dim) for dim in range(len(self.dims))]
        if len(found) != len(self.base) or any(f is None and self.dims[d] for d, f in enumerate(found)):
            return None
        spare = iter([axis for axis in range(len(self.base)) if axis not in found])
        return tuple(next(spare) if axis is None else axis for axis in found)

    def over(self, base: Shape) -> View:
        """The same view of a tensor whose whole axes have other sizes: the result of a layer, or of a mean."""
        order = self.permutation()
        if order is not None:  # an axis of size 1 has no atom, and may have grown: padding of one pixel
            return permuted(whole(base), order)
        dims = []
        for atoms in self.dims:
            kept = [(a, base[a] if size == self.base[a] else size, s) for a, size, s in atoms if base[a] != 1]
            dims.append(tuple(kept))
        return View(base, tuple(dims))

    def indices(self) -> torch.Tensor:
        """int64 in the view's shape: the flat position in the tensor below of each value."""
        strides = [math.prod(self.base[axis + 1 :]) for axis in range(len(self.base))]
        place = torch.zeros((), dtype=torch.int64, device="cpu")
        for axis, size, stride in (atom for atoms in self.dims for atom in atoms):
            place = place[..., None] + torch.arange(size, device="cpu") * (stride * strides[axis])
        return place.reshape(self.shape)


def whole(base: Shape) -> View:
    """The tensor itself."""
    return View(base, tuple(((axis, size, 1),) if size > 1 else () for axis, size in enumerate(base)))


def permuted(view: View, order: Shape) -> View:
    """`order` counts dimensions without the batch."""
    return View(view.base, tuple(view.dims[d] for d in order))


def reshaped(view: View, shape: Shape) -> View | None:
    """The view in another shape; None where a dimension is no product of atoms."""
    left, dims = list(view.atoms), []
    for size in shape:
        atoms = _take(left, size)
        if atoms is None:
            return None
        dims.append(_joined(atoms))
    return View(view.base, tuple(dims))


def shuffled_groups(view: View) -> int | None:
    """The number of groups g where channels, seen as (g, n), were transposed to (n, g) and the pixels left alone."""
    channels, alone = view.dims[0], whole((*view.base, 1, 1)[:3]).dims[1:]  # a vector is an image of one pixel
    if len(channels) != 2 or view.dims[1:] != alone or any(axis for axis, _, _ in channels):
        return None
    (_, inner, one), (_, groups, stride) = channels
    return groups if one == 1 and stride == inner and groups * inner == view.base[0] else None


def _take(left: list[Atom], size: int) -> list[Atom] | None:
    """Atoms from the front whose sizes make `size`; the last one is split where it must be."""
    taken: list[Atom] = []
    while size > 1:
        if not left:
            return None
        axis, whole_size, stride = left.pop(0)
        part = math.gcd(size, whole_size)
        if part != whole_size:
            if part != size:
                return None
            left.insert(0, (axis, whole_size // part, stride))
        taken.append((axis, part, stride * (whole_size // part)))
        size //= part
    return taken


def _joined(atoms: list[Atom]) -> tuple[Atom, ...]:
    out: list[Atom] = []
    for axis, size, stride in atoms:
        if out and out[-1][0] == axis and out[-1][2] == stride * size:
            out[-1] = (axis, out[-1][1] * size, stride)
        elif size > 1:
            out.append((axis, size, stride))
    return tuple(out)


@dataclass(frozen=True)
class Value:
    """What a node of the exported graph holds: a tensor of the program, and how the node sees it."""

    tensor: str
    view: View
