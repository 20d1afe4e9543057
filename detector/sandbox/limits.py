"""What one confined child may use, in stated units."""

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class SandboxLimits:
    """Bounds on one child and on what it may hand back. Every field states its unit; all are inclusive.

    `memory_bytes` is the child's address space (RLIMIT_AS): libraries alone take about 0.4 GiB of it.
    `cpu_s` is CPU time over all its threads; `wall_s` is how long the parent waits for it in total (the
    time the parent spends on what it got does not count). `max_expansion` bounds decoded RGB bytes over
    file bytes once `expansion_free_bytes` have been decoded: a static 1080p scene at 160 kbit/s reaches
    about 9,000, a decompression bomb 57,000 and more (docs/detector.md).
    """

    memory_bytes: int = 3 * GIB // 2
    cpu_s: int = 240
    wall_s: float = 240.0
    max_input_bytes: int = 4 * GIB
    max_width_px: int = 8192
    max_height_px: int = 8192
    max_frame_pixels: int = 36_000_000
    max_frames: int = 250_000
    max_total_pixels: int = 250_000_000_000
    max_expansion: int = 25_000
    expansion_free_bytes: int = GIB
    max_reply_bytes: int = 16 * MIB

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value <= 0:
                raise ValueError(f"{name} must be positive, got {value}")

    def decoded_bytes_allowed(self, input_bytes: int) -> int:
        """How many bytes of RGB a file of `input_bytes` may decode to before it counts as a bomb."""
        by_size = max(self.expansion_free_bytes, self.max_expansion * input_bytes)
        return min(by_size, 3 * self.max_total_pixels)
