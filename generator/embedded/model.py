"""The embedded model as one module: autoencoder, text encoder, diffusion transformer, tokenizer."""

import torch
from torch import Tensor, nn

from generator.embedded.conditioning import Known, token_times, tokens_of
from generator.embedded.config import ModelConfig
from generator.embedded.dit import DiT
from generator.embedded.layout import Layout
from generator.embedded.text import PAD, TextEncoder, WordTokenizer
from generator.embedded.vae import CausalVAE


class Denoiser(nn.Module):
    """Text and noisy latents to clean latents: what the second half of the training trains."""

    def __init__(self, config: ModelConfig, vocabulary: int) -> None:
        super().__init__()
        self.text = TextEncoder(config.text, vocabulary)
        self.dit = DiT(config.dit, config.vae.channels, config.text.width, takes_layout=config.takes_layout)

    def forward(self, x: Tensor, t: Tensor, ids: Tensor, layout: Layout | None = None) -> Tensor:
        """m (B, C, F, H, W) from x_t, times (B,) or per token, token ids (B, L), and a layout if there is one."""
        states, pooled = self.text(ids)
        placed = None if layout is None else (layout, self.text.embed(layout.phrases).mean(2))
        out: Tensor = self.dit(x, t, states, pooled, ids != PAD, placed)
        return out


class EmbeddedModel(nn.Module):
    """Everything the weights file holds, with the tokenizer that belongs to it."""

    def __init__(self, config: ModelConfig, tokenizer: WordTokenizer) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.vae = CausalVAE(config.vae)
        self.denoiser = Denoiser(config, len(tokenizer))

    def token_ids(self, texts: list[str]) -> Tensor:
        """Ids (B, L) for prompts; the empty prompt is the unconditional one."""
        return self.tokenizer.batch(texts, self.config.text.max_tokens)

    @torch.no_grad()
    def predict_guided(
        self,
        x: Tensor,
        t: float,
        ids: Tensor,
        null_ids: Tensor,
        scale: float,
        known: Known | None = None,
        layout: Layout | None = None,
    ) -> Tensor:
        """Classifier-free guidance on the predicted clean latents: null + scale·(text - null). x is (1, …).

        The layout is guided by as the text is: the null side has none. Where the transformer's answers hold a
        guidance h by training, they are nothing + h·(text - nothing) already, and the guidance asked for is made
        from that: in one pass where it is h itself, in two where it is another, in three beside a negative prompt.
        """
        held, nothing = self.config.sampling.held_guidance, self.token_ids([""])
        is_plain = held == 1.0 or bool(torch.equal(null_ids, nothing))
        if scale == held and is_plain:
            return self.predict(x, t, ids, known, layout)
        rows = torch.cat([ids, null_ids] if is_plain else [ids, null_ids, nothing])
        sides = None if layout is None else layout.beside_none(len(rows) - 1)
        both = self.predict(x.expand(len(rows), *x.shape[1:]), t, rows, known, sides)
        conditional, null = both[:1], both[1:2]
        base = null if is_plain else both[2:] + (null - both[2:]) / held
        return base + scale / held * (conditional - null)

    @torch.no_grad()
    def predict(
        self, x: Tensor, t: float, ids: Tensor, known: Known | None = None, layout: Layout | None = None
    ) -> Tensor:
        """Predicted clean latents at one time for the whole batch; what is `known` is taken as it is."""
        times = torch.full((x.shape[0],), t)
        if known is None:
            out: Tensor = self.denoiser(x, times, ids, layout)
            return out
        tokens = tokens_of(known.frames[None], self.config).expand(x.shape[0], -1)
        out = self.denoiser(known.put_into(x), token_times(times, tokens, self.config), ids, layout)
        return known.put_into(out)
