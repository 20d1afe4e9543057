"""The demo's report: one page that shows the clip, its copies, and what each verdict rests on."""

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.clip import Clip
from core.pictures import fitted, jpeg, sampled
from core.video import open_clip
from reelproof.cli.output import chance
from reelproof.demo.story import REFUSED_PROMPT, STRIPPED_CRF, Story

_HERE = Path(__file__).parent
_FILM_FRAMES, _FILM_WIDTH_PX = 6, 200

COPIES = (
    ("clip", "Untouched", "The file as it was released."),
    ("stripped", "Stripped", f"Decoded and encoded again at CRF {STRIPPED_CRF}; the credential is gone."),
    ("altered", "Altered", "The released file with one byte of its pictures changed."),
)


def render_story(story: Story) -> str:
    """The whole page as HTML; it refers to the demo's clips and verdict pages by relative name only."""
    environment = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)
    cards = [
        {
            "name": name,
            "title": title,
            "what": what,
            "verdict": story.verdicts[name],
            "film": _film(open_clip(story.folder / f"{name}.mp4")),
        }
        for name, title, what in COPIES
    ]
    page = environment.get_template("page.html")
    return page.render(story=story, cards=cards, refused_prompt=REFUSED_PROMPT, chance=chance)


def _film(clip: Clip) -> list[str]:
    return [
        "data:image/jpeg;base64," + base64.b64encode(jpeg(fitted(frame, _FILM_WIDTH_PX))).decode()
        for frame in sampled(clip, _FILM_FRAMES)
    ]
