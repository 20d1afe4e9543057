"""Where the networks compute. Tensors come and go on the CPU as float32; only the networks live on the device.

So that noise, flow and latents are the same arithmetic everywhere, and a seed gives the same noise on any machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from core.errors import ConfigurationError
from generator.embedded.layout import Layout
from generator.embedded.model import EmbeddedModel

Network = TypeVar("Network", bound=nn.Module)

_FAST_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
_CPU_FACTS = Path("/proc/cpuinfo")


def chosen_device(name: str) -> torch.device:
    """The device of that name: `auto` is a CUDA one where there is one, else the CPU.

    Raises:
        ConfigurationError: no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as fault:
        why = f": {str(fault).splitlines()[0]}" if name.startswith(("cpu", "cuda")) else ""
        raise ConfigurationError(
            f"no device {name!r} to compute on{why}",
            code="device",
            hint="REELPROOF_DEVICE is auto, cpu, cuda or cuda:N; cuda needs a GPU, and torch built for it.",
        ) from fault
    return device


def has_fast_bfloat16(device: torch.device, cpu_facts: Path = _CPU_FACTS) -> bool:
    """Whether bfloat16 is quicker there than float32: on CUDA, on CPUs with AMX or AVX512-BF16 (Linux tells)."""
    if device.type != "cpu":
        return device.type == "cuda" and torch.cuda.is_bf16_supported()
    facts = cpu_facts.read_text(errors="replace") if cpu_facts.is_file() else ""
    return any(_FAST_FLAGS & set(line.split()) for line in facts.splitlines() if line.startswith("flags"))


def move(model: EmbeddedModel, device: torch.device, *, mixed: bool) -> None:
    """Let `model`'s encoder, decoder and denoiser compute on `device`, `mixed` with bfloat16 inside.

    The encoder always keeps all of float32: in some of its channels what a clip changes is 1e-5 of what stands
    there anyway, so that bfloat16, and TF32 too, leave latents of which nothing can be read back.
    """
    model.vae.encoder = _moved(model.vae.encoder, device, mixed=False)
    model.vae.decoder = _moved(model.vae.decoder, device, mixed)
    model.denoiser = _moved(model.denoiser, device, mixed)


def _moved(network: Network, device: torch.device, mixed: bool) -> Network:
    if device.type == "cpu" and not mixed:
        return network
    return cast(Network, _OnDevice(network, device, mixed))


class _OnDevice(nn.Module):
    """A network that is called with CPU tensors and answers with one."""

    def __init__(self, network: nn.Module, device: torch.device, mixed: bool) -> None:
        super().__init__()
        self.network, self.device, self.mixed = network.to(device), device, mixed

    def forward(self, *arguments: Tensor | Layout | None) -> Tensor:
        """The network's answer, float32 on the CPU."""
        moved: list[Any] = [None if one is None else one.to(str(self.device)) for one in arguments]
        with exactly() if not self.mixed else torch.autocast(self.device.type, torch.bfloat16):
            answer: Tensor = self.network(*moved)
        return answer.float().cpu()


@contextmanager
def exactly() -> Iterator[None]:
    """All of float32 within: no TF32, which CUDA else takes for convolutions. Changes nothing on a CPU."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=False):
        yield
