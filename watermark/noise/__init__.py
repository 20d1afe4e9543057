"""A keyed mark in the signs of a model's initial latents: N(0, 1) to anybody without the key, read back by
inversion."""

from watermark.noise.codec import FALSE_POSITIVE_RATE, NoiseWatermark
from watermark.noise.layout import ALG

__all__ = ["ALG", "FALSE_POSITIVE_RATE", "NoiseWatermark"]
