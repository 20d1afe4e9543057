"""What is done to a released clip before its noise mark is read: codec, autoencoder, regeneration, trims, crops."""

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch

from core.clip import RGB, Clip
from core.video import open_clip, write_clip
from generator.embedded import flow
from generator.embedded.backend import EmbeddedBackend
from generator.embedded.grid import to_frames, to_unit

CRF = 28
REGENERATION_STEPS = 8
STRIDE_PX = 32
"""Pixels a side of one latent of the embedded model: crops by it move latents by whole places."""

Attack = Callable[[EmbeddedBackend, Clip, str, int], Clip]
"""(backend, released clip, its prompt, seed of the attack's own noise) to the attacked clip."""


def h264(clip: Clip, crf: int = CRF) -> Clip:
    """The clip written with x264 medium at `crf` and read back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_clip(clip, path, crf=crf)
        return Clip.from_array(open_clip(path).to_array(), clip.info.fps)


def vae_round_trip(backend: EmbeddedBackend, clip: Clip) -> Clip:
    """Encode and decode with the model's own autoencoder; the clip itself came out of its decoder."""
    vae = backend.network.vae
    with backend.lock, torch.no_grad():
        frames = to_frames(vae.decode(vae.encode(to_unit(clip.to_array())))[0])
    return Clip.from_array(frames, clip.info.fps)


def regenerated(backend: EmbeddedBackend, clip: Clip, prompt: str, seed: int, strength: float) -> Clip:
    """Image-to-image: x = (1 - strength)·z + strength·e, denoised with prompt and guidance, then decoded.

    `strength` is the flow's own time: the share of fresh noise in the latents, 0 to 1.
    """
    model, config = backend.network, backend.network.config
    ids, null_ids = model.token_ids([prompt]), model.token_ids([""])
    times = [strength * (1 - k / REGENERATION_STEPS) for k in range(REGENERATION_STEPS + 1)]
    with backend.lock, torch.no_grad():
        z = model.vae.encode(to_unit(clip.to_array()))
        fresh = torch.randn(z.shape, generator=torch.Generator().manual_seed(seed))
        noisy = (1 - strength) * z + strength * fresh
        guided = partial(model.predict_guided, ids=ids, null_ids=null_ids, scale=config.sampling.guidance_scale)
        again = flow.sample(noisy, lambda x, t: guided(x, t), times, config.vae.noise_floor)
        return Clip.from_array(to_frames(model.vae.decode(again)[0]), clip.info.fps)


def _changed(change: Callable[[RGB], RGB], crf: int | None = CRF) -> Attack:
    def attack(_: EmbeddedBackend, clip: Clip, __: str, ___: int) -> Clip:
        found = Clip.from_array(np.ascontiguousarray(change(clip.to_array())), clip.info.fps)
        return found if crf is None else h264(found, crf)

    return attack


def _vae(crf: int | None) -> Attack:
    def attack(backend: EmbeddedBackend, clip: Clip, _: str, __: int) -> Clip:
        found = vae_round_trip(backend, clip)
        return found if crf is None else h264(found, crf)

    return attack


def _regeneration(strength: float) -> Attack:
    def attack(backend: EmbeddedBackend, clip: Clip, prompt: str, seed: int) -> Clip:
        return h264(regenerated(backend, clip, prompt, seed, strength))

    return attack


ATTACKS: Mapping[str, Attack] = {
    "none": lambda _, clip, __, ___: clip,
    "CRF 28": _changed(lambda frames: frames),
    "CRF 36": _changed(lambda frames: frames, 36),
    "VAE": _vae(None),
    "VAE, CRF 28": _vae(CRF),
    "regenerated .1, CRF 28": _regeneration(0.1),
    "regenerated .2, CRF 28": _regeneration(0.2),
    "regenerated .3, CRF 28": _regeneration(0.3),
    "regenerated .4, CRF 28": _regeneration(0.4),
    "first 2 frames off, CRF 28": _changed(lambda frames: frames[2:]),
    "first 4 frames off, CRF 28": _changed(lambda frames: frames[4:]),
    "first 8 frames off, CRF 28": _changed(lambda frames: frames[8:]),
    "last 8 frames off, CRF 28": _changed(lambda frames: frames[:-8]),
    "32 px off left, CRF 28": _changed(lambda frames: frames[:, :, STRIDE_PX:]),
    "32 px off left and top, CRF 28": _changed(lambda frames: frames[:, STRIDE_PX:, STRIDE_PX:]),
    "64 px off left and top, CRF 28": _changed(lambda frames: frames[:, 2 * STRIDE_PX :, 2 * STRIDE_PX :]),
    "half size, CRF 28": _changed(lambda frames: halved(frames)),
}
"""By name, in the order of the table."""


def halved(frames: RGB) -> RGB:
    """(F, H, W, 3) at half the size, 2 × 2 pixels averaged."""
    count, height, width, _ = frames.shape
    blocks = frames.reshape(count, height // 2, 2, width // 2, 2, 3).astype(np.float32)
    return np.asarray(np.rint(blocks.mean(axis=(2, 4))), np.uint8)
