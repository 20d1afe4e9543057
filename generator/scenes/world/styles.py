"""How a scene is drawn: from a linear picture with its depth and the things' mask to sRGB, 0.0 to 1.0.

Every style works on whole frames (n, 3, H, W) and draws its grain from places in the picture, not from chance, so
that nothing boils from frame to frame.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.scenes.world.textures import noise

_LUMA = (0.30, 0.59, 0.11)


@dataclass(frozen=True)
class Drawn:
    """`colour` (n, 3, H, W) linear, `depth`, `mask` (n, H, W), `ink` (n, 3) linear, `variant` (n,)."""

    colour: Tensor
    depth: Tensor
    mask: Tensor
    ink: Tensor
    variant: Tensor

    @property
    def size_px(self) -> int:
        """Pixels along a side."""
        return int(self.depth.shape[-1])

    def seen(self) -> Tensor:
        """The picture as a plain camera shows it: highlights rolled off, gamma of 2."""
        bright = self.colour.clamp(min=0)
        return torch.sqrt(torch.where(bright < 0.7, bright, 1 - 0.3 * torch.exp(-(bright - 0.7) / 0.3)))

    def places(self) -> tuple[Tensor, Tensor]:
        """x, y (n, H, W) from 0 to 1, shifted by each scene's own grain."""
        at = (torch.arange(self.size_px, device=self.depth.device) + 0.5) / self.size_px
        shift = self.variant.view(-1, 1, 1)
        x, y = at.view(1, 1, -1) + shift, at.view(1, -1, 1) + 0.7 * shift
        return x.expand_as(self.depth), y.expand_as(self.depth)


def plain(drawn: Drawn) -> Tensor:
    """As a camera sees it."""
    return drawn.seen() * _vignette(drawn, 0.10)[:, None]


def toon(drawn: Drawn) -> Tensor:
    """Flat tones and dark outlines."""
    seen = _smoothed(drawn.seen(), 1)
    luma = _luma(seen)
    steps = 4.0
    stepped = (luma * steps).floor() / steps + 0.5 / steps
    edge = ((luma * steps - (luma * steps).floor()) - 0.5) * 6
    stepped = stepped + (torch.sigmoid(edge * 2) - 0.5) * (0.5 / steps)
    flat = luma[:, None] + 1.35 * (seen - luma[:, None])
    flat = flat * (stepped / luma.clamp(min=0.03))[:, None]
    return flat * (1 - 0.92 * _outline(drawn, 1))[:, None]


def pencil(drawn: Drawn) -> Tensor:
    """Coloured pencils: paper, outlines, and strokes that grow denser in the dark."""
    seen = drawn.seen()
    luma = _luma(seen).clamp(0.02, 1)
    x, y = drawn.places()
    tooth = 0.5 + 0.5 * noise(x * 2.1, y * 2.1, 1)
    scale = 150.0
    wobble = 0.02 * noise(x * 0.8, y * 0.8, 0)
    dark = 1 - luma
    hatch = torch.zeros_like(luma)
    for along, across, starts in ((1.0, 1.0, 0.08), (1.0, -1.0, 0.38), (1.0, 0.15, 0.58)):
        stroke = 0.5 + 0.5 * torch.sin((along * x + across * y + wobble) * scale * 0.72)
        hatch = hatch + ((dark - starts) * 1.6).clamp(0, 0.8) * (0.45 + 0.55 * stroke)
    hatch = (hatch * (0.75 + 0.4 * tooth)).clamp(0, 1)
    top = seen.amax(1, keepdim=True).clamp(min=0.05)
    pigment = (seen / top) ** 1.3 * (0.40 + 0.45 * luma[:, None])
    vivid = (top - seen.amin(1, keepdim=True)).clamp(0, 1)[:, 0]
    tone = (0.10 + 0.75 * hatch + 0.55 * vivid * (0.7 + 0.3 * tooth)).clamp(0, 0.95)
    paper = 0.97 - 0.04 * (1 - tooth)
    picture = torch.lerp(paper[:, None].expand_as(seen), pigment, tone[:, None])
    line = _outline(drawn, 1) * (0.45 + 0.55 * tooth)
    return picture * (1 - 0.80 * line)[:, None]


def watercolour(drawn: Drawn) -> Tensor:
    """Washes that run a little, darker at their edges, on grainy paper."""
    x, y = drawn.places()
    shift_x, shift_y = 0.012 * noise(x * 0.5, y * 0.5, 0), 0.012 * noise(x * 0.5 + 0.5, y * 0.5, 0)
    seen = _moved(_smoothed(drawn.seen(), max(1, drawn.size_px // 128)), shift_x, shift_y)
    wash = _smoothed(seen, max(2, drawn.size_px // 40))
    luma = _luma(seen)
    flat = torch.lerp(seen, wash, 0.35)
    flat = luma[:, None] + 1.18 * (flat - luma[:, None])
    rim = ((_luma(wash) - luma) * 1.6).clamp(0, 0.35)
    bloom = noise(x * 0.35, y * 0.35, 0) + 0.5 * noise(x, y, 0)
    paper = noise(x * 2.4, y * 2.4, 1)
    light = 0.16 + 0.84 * flat.clamp(0, 1) ** 0.82
    picture = light * (1 - 0.8 * rim + 0.07 * bloom + 0.035 * paper)[:, None]
    border = _border(drawn, 0.10, 0.03 * bloom)
    return torch.lerp(torch.full_like(picture, 0.965) + 0.02 * paper[:, None], picture, border[:, None])


def pixel(drawn: Drawn) -> Tensor:
    """Coarse pixels, few colours, an ordered dither."""
    seen = drawn.seen()
    block = max(2, drawn.size_px // 64)
    small = F.avg_pool2d(seen, block)
    rank = torch.tensor([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], device=seen.device)
    side = small.shape[-1]
    bayer = (rank.float() / 16 - 0.47).repeat(side // 4 + 1, side // 4 + 1)[:side, :side]
    levels = 8.0
    small = ((small * levels + 0.45 * bayer + 0.5).floor() / levels).clamp(0, 1)
    large = small.repeat_interleave(block, 2).repeat_interleave(block, 3)
    return F.pad(large, (0, drawn.size_px - large.shape[3], 0, drawn.size_px - large.shape[2]), mode="replicate")


def noir(drawn: Drawn) -> Tensor:
    """Black and white of hard contrast, dark corners."""
    luma = _luma(drawn.seen())
    hard = torch.sigmoid((luma - 0.46) * 8.5)
    x, y = drawn.places()
    grain = 0.035 * noise(x * 2.2, y * 2.2, 1)
    picture = (0.03 + 0.95 * hard + grain) * _vignette(drawn, 0.85)
    return picture[:, None].expand(-1, 3, -1, -1)


def clay(drawn: Drawn) -> Tensor:
    """Everything kneaded: soft edges, pastel ground, finger marks, dark seams."""
    seen = drawn.seen()
    x, y = drawn.places()
    soft = _moved(_smoothed(seen, max(1, drawn.size_px // 110)), 0.006 * noise(x, y, 0), 0.006 * noise(y, x, 0))
    ground = 0.30 + 0.62 * soft
    prints = noise(x * 0.5, y * 0.5, 0)
    lit = 0.22 * (prints - noise(x * 0.5 + 0.012, y * 0.5 + 0.012, 0))
    picture = torch.lerp(ground * (1 + lit)[:, None], torch.lerp(seen, soft, 0.4) * 1.04, drawn.mask[:, None])
    return picture * (1 - 0.30 * _smoothed(_outline(drawn, 2)[:, None], 1))


def neon(drawn: Drawn) -> Tensor:
    """Glowing tubes along the edges, in the dark."""
    seen = drawn.seen()
    edge = _outline(drawn, 1)
    top = drawn.ink.amax(1, keepdim=True).clamp(min=0.05)
    tube = (0.15 + 0.85 * torch.sqrt(drawn.ink / top))[:, :, None, None]
    hue = seen / seen.amax(1, keepdim=True).clamp(min=0.1)
    around = _smoothed(drawn.mask[:, None], max(1, drawn.size_px // 85))
    own = (around > 0.02).float() * 1.0
    paint = torch.lerp(
        0.35 + 0.5 * hue * torch.tensor((0.55, 0.75, 1.0), device=hue.device).view(1, 3, 1, 1), hue, own
    )
    paint = torch.lerp(paint, torch.maximum(hue, tube * own), 0.55)
    line = edge[:, None] * (0.45 + 0.75 * around.clamp(0, 1))
    glow = _smoothed(line * paint, max(2, drawn.size_px // 60))
    glow = glow + 0.7 * _smoothed(glow, max(3, drawn.size_px // 26))
    base = seen * (0.10 + 0.30 * drawn.mask[:, None])
    return base + 0.9 * line * paint + 1.3 * glow


def risograph(drawn: Drawn) -> Tensor:
    """Two inks on cream paper, dots, the second ink a little off its place."""
    seen = drawn.seen()
    luma = _luma(seen)
    x, y = drawn.places()
    top = drawn.ink.amax(1, keepdim=True).clamp(min=0.10)
    bright = torch.sqrt(drawn.ink / top) * torch.sqrt(top).clamp(min=0.35)
    first, second = bright[:, :, None, None], torch.tensor((0.17, 0.23, 0.42), device=seen.device).view(1, 3, 1, 1)
    dark = (1 - luma).clamp(0, 1)
    in_ink = (drawn.mask * (0.55 + 0.5 * luma.clamp(0, 1))).clamp(0, 1)
    ground = (dark * 1.05 - 0.10).clamp(0, 1) * (1 - drawn.mask) + (dark - 0.42).clamp(0, 1) * 0.9 * drawn.mask
    tone = _dots(x, y, 52.0, 0.26, ground)
    body = _dots(x, y, 58.0, 1.30, in_ink)
    off = max(1, drawn.size_px // 128)
    tone = torch.roll(tone, (off, off), (1, 2))
    tooth = 0.06 * noise(x * 2.3, y * 2.3, 1)
    paper = torch.tensor((0.96, 0.93, 0.86), device=seen.device).view(1, 3, 1, 1)
    under = torch.lerp(paper.expand_as(seen), paper * first, (body * (0.95 - tooth))[:, None])
    return torch.lerp(under, under * second, (tone * (0.86 + tooth))[:, None])


def thermal(drawn: Drawn) -> Tensor:
    """False colours of heat: things are warm, what faces the light warmer, the place cool."""
    luma = _smoothed(_luma(drawn.seen())[:, None], 1)[:, 0]
    # Things are as warm as they are lit, whatever colour they have.
    lit = luma / torch.sqrt(_luma(drawn.ink[:, :, None, None]).clamp(min=0.02))
    halo = _smoothed(drawn.mask[:, None], max(2, drawn.size_px // 40))[:, 0]
    heat = torch.lerp(0.10 + 0.34 * luma + 0.10 * halo, 0.56 + 0.34 * lit.clamp(0, 1.15), drawn.mask)
    stops = torch.tensor(
        [
            (0.02, 0.02, 0.16),
            (0.28, 0.05, 0.52),
            (0.72, 0.12, 0.48),
            (0.95, 0.42, 0.14),
            (1.0, 0.80, 0.20),
            (1, 1, 0.86),
        ],
        device=luma.device,
    )
    at = heat.clamp(0, 0.999) * (len(stops) - 1)
    low = at.floor().long()
    colour = torch.lerp(stops[low], stops[low + 1], (at - low)[..., None])
    return colour.permute(0, 3, 1, 2)


STYLE_DRAWERS: dict[str, Callable[[Drawn], Tensor]] = {
    "plain": plain,
    "toon": toon,
    "pencil": pencil,
    "watercolour": watercolour,
    "pixel": pixel,
    "noir": noir,
    "clay": clay,
    "neon": neon,
    "risograph": risograph,
    "thermal": thermal,
}


def _luma(picture: Tensor) -> Tensor:
    return _LUMA[0] * picture[:, 0] + _LUMA[1] * picture[:, 1] + _LUMA[2] * picture[:, 2]


def _smoothed(picture: Tensor, reach: int) -> Tensor:
    """Means over squares of `reach` pixels to each side, twice."""
    side = 2 * reach + 1
    for _ in range(2):
        # Differences of running sums: what they cost does not grow with the reach.
        sums = F.pad(picture, (reach + 1, reach, reach, reach), mode="replicate").cumsum(3)
        sums = F.pad((sums[..., side:] - sums[..., :-side]) / side, (0, 0, 1, 0)).cumsum(2)
        picture = (sums[..., side:, :] - sums[..., :-side, :]) / side
    return picture


def _outline(drawn: Drawn, reach: int) -> Tensor:
    """Where depth, mask or brightness jump: (n, H, W), 0.0 to 1.0."""
    near = 1 / drawn.depth
    luma = _luma(drawn.seen())
    found = torch.zeros_like(near)
    for plane, gain in ((near, 9.0), (drawn.mask, 1.3), (luma, 1.5)):
        found = torch.maximum(found, (_jump(plane, reach) * gain - 0.22).clamp(0, 1))
    return found.clamp(0, 1)


def _jump(plane: Tensor, reach: int) -> Tensor:
    """Largest less smallest value about each pixel."""
    side = 2 * reach + 1
    high = F.max_pool2d(plane[:, None], side, 1, reach)
    low = -F.max_pool2d(-plane[:, None], side, 1, reach)
    return (high - low)[:, 0]


def _moved(picture: Tensor, shift_x: Tensor, shift_y: Tensor) -> Tensor:
    """The picture seen through shifts (n, H, W), in frame widths."""
    side = picture.shape[-1]
    at = (torch.arange(side, device=picture.device) + 0.5) * (2 / side) - 1
    grid = torch.stack([at.view(1, 1, -1) + 2 * shift_x, at.view(1, -1, 1) + 2 * shift_y], -1)
    return F.grid_sample(picture, grid, padding_mode="border", align_corners=False)


def _vignette(drawn: Drawn, strength: float) -> Tensor:
    at = (torch.arange(drawn.size_px, device=drawn.depth.device) + 0.5) * (2 / drawn.size_px) - 1
    away = at.view(1, 1, -1) ** 2 + at.view(1, -1, 1) ** 2
    return 1 - strength * (away * 0.5).clamp(0, 1) ** 1.5


def _border(drawn: Drawn, width: float, ragged: Tensor) -> Tensor:
    """1.0 inside, falling to 0.0 over a ragged border of the sheet."""
    at = (torch.arange(drawn.size_px, device=drawn.depth.device) + 0.5) * (2 / drawn.size_px) - 1
    edge = 1 - torch.maximum(at.abs().view(1, 1, -1), at.abs().view(1, -1, 1))
    return ((edge + ragged - 0.02) / width * 1.6).clamp(0, 1)


def _dots(x: Tensor, y: Tensor, per_width: float, angle: float, tone: Tensor) -> Tensor:
    """A halftone screen: dots that grow with the tone."""
    cos, sin = torch.cos(torch.tensor(angle)), torch.sin(torch.tensor(angle))
    u, v = (x * cos + y * sin) * per_width * 6.2832, (y * cos - x * sin) * per_width * 6.2832
    screen = 0.5 + 0.25 * (torch.cos(u) + torch.cos(v))
    return ((tone - screen) * 3.0 + 0.5).clamp(0, 1)
