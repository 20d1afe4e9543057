"""A keyed, non-periodic spread-spectrum mark on luma: 32 to 128 bits through encoding, scaling and cutting."""

from watermark.pixel.codec import PixelWatermark
from watermark.pixel.layout import ALG
from watermark.pixel.reading import FALSE_POSITIVE_RATE

__all__ = ["ALG", "FALSE_POSITIVE_RATE", "PixelWatermark"]
