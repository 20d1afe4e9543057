"""What runs inside a confined child to cut a long file into short ones. Imported there before the fences go up."""

from core.errors import UnreadableInput
from core.packets import keyframe_pieces
from detector.sandbox import wire
from detector.sandbox.child import Bench
from detector.sandbox.jobs import rehearse as rehearse_decoding


def rehearse() -> None:
    """Load the demuxers and the muxer: behind the fences nothing more can be loaded."""
    rehearse_decoding()


class _Sink:
    """Sends what is written to it as the bytes of one piece."""

    def __init__(self, output: int) -> None:
        self._output = output

    def write(self, content: bytes, /) -> int:
        """Send some bytes."""
        wire.send(self._output, wire.BYTES, content)
        return len(content)


def cut(bench: Bench, seconds: float, most: int) -> None:
    """Send each piece's bytes as they come, and after them when it begins and ends; of at most so many."""
    for number, (start_s, end_s) in enumerate(keyframe_pieces(bench.file, seconds, lambda: _Sink(bench.output))):
        if number >= most:
            raise UnreadableInput(
                f"the clip's times make more than {most} windows of it", code="decode_budget", hint=""
            )
        bench.reply({"start_s": start_s, "end_s": end_s})
