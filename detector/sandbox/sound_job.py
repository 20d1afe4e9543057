"""What runs inside a confined child to decode a clip's sound. Imported there before the fences go up."""

from core.soundtrack import read_sound
from detector.sandbox import jobs, wire
from detector.sandbox.child import Bench


def rehearse() -> None:
    """Load what decoding loads on first use."""
    jobs.rehearse()


def send_sound(bench: Bench, max_s: float) -> None:
    """Send what is known of the sound track as JSON, and then its samples; null and nothing where there is none."""
    sound = read_sound(bench.file, max_s=max_s)
    if sound is None:
        bench.reply(None)
        return
    bench.reply({"rate_hz": sound.rate_hz, "is_damaged": sound.is_damaged, "is_cut": sound.is_cut})
    wire.send(bench.output, wire.SOUND, sound.samples.astype("<i2").tobytes())
