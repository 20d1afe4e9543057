"""Vectors in space as three planes of one shape, which is how the renderer holds rays, places and normals."""

import torch
from torch import Tensor

Triple = tuple[Tensor, Tensor, Tensor]


def dot(one: Triple, other: Triple) -> Tensor:
    """Inner products."""
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def unit(vectors: Triple) -> Triple:
    """The vectors scaled to length 1."""
    scale = torch.rsqrt(dot(vectors, vectors).clamp(min=1e-12))
    return vectors[0] * scale, vectors[1] * scale, vectors[2] * scale


def along(start: Triple, direction: Triple, at: Tensor) -> Triple:
    """Places at distances along rays."""
    return start[0] + direction[0] * at, start[1] + direction[1] * at, start[2] + direction[2] * at


def picked(vectors: Triple, chosen: Tensor) -> Triple:
    """Some of the vectors, by index into their flattened planes."""
    x, y, z = (plane.reshape(-1)[chosen] for plane in vectors)
    return x, y, z


def columns(vectors: Tensor) -> Triple:
    """Vectors (…, 3) as three planes (…)."""
    return vectors[..., 0], vectors[..., 1], vectors[..., 2]
