"""What disclosure laws ask for, as data, and the tag that stands in the file itself beside the signed manifest.

`AIGC` is the key of China's GB 45438-2025; its fields serve other laws' latent disclosure too: that the clip is
generated, by whom, and a unique ID. The ID is the manifest's, which is also what the watermark leads to. No
personal information. Engineering notes from secondary sources, not legal advice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.canonical import canonical_json
from core.errors import UsageError

_GENERATED = "1"
_MAX_TEXT, _MAX_CARD_S = 80, 10.0


@dataclass(frozen=True)
class Profile:
    """One law's disclosure: each field that it needs, and where it stands in a clip that we release.

    `asks_for_label`: it wants something that people see; `offers_label`: people may ask for that.
    """

    law: str
    fields: tuple[tuple[str, str], ...]
    asks_for_label: bool = False
    offers_label: bool = False


_SIGNATURE, _MARK = "manifest: claim signature (COSE)", "pictures: pixel mark"
_ID = "manifest: its label, a c2pa URN"
PROFILES: dict[str, Profile] = {
    "eu": Profile(
        "EU AI Act, Article 50(2)",
        (
            ("signed metadata", _SIGNATURE),
            ("trusted time-stamp", "manifest: RFC 3161 token in the signature (REELPROOF_TSA_URL)"),
            ("imperceptible mark", _MARK),
            ("marks and credentials of inputs kept", "manifest: ingredients, with their own manifests"),
            ("free detector named", "manifest: org.reelproof.generation, detector_url (REELPROOF_PUBLIC_URL)"),
        ),
    ),
    "california": Profile(
        "California SB 942 and AB 853",
        (
            ("provider", "manifest: org.reelproof.generation, provider; signer's organisation"),
            ("system and version", "manifest: claim_generator_info"),
            ("time and date", "manifest: actions, when"),
            ("unique ID", _ID),
            ("visible disclosure, if people want it", "pictures: label or opening card"),
        ),
        offers_label=True,
    ),
    "china": Profile(
        "China GB 45438-2025",
        (
            ("label", "container tag: AIGC, Label"),
            ("producer", "container tag: AIGC, ContentProducer"),
            ("produce ID", "container tag: AIGC, ProduceID"),
            ("visible sign at the start", "pictures: label or opening card"),
        ),
        asks_for_label=True,
    ),
    "india": Profile(
        "India, IT Rules of February 2026",
        (
            ("permanent metadata with a unique ID", _ID + "; container tag: AIGC, ProduceID"),
            ("visible label", "pictures: label"),
        ),
        asks_for_label=True,
    ),
}


@dataclass(frozen=True)
class Visible:
    """What people will see of the disclosure: a label, a card of so many seconds (0: none), their text, and the
    font file that writes it (None: one that is installed).

    Raises:
        UsageError: `disclosure`: a text that can't be drawn, or a card that is too long.
    """

    label: bool = False
    card_s: float = 0.0
    text: str = "AI-generated"
    font: str | None = None

    def __post_init__(self) -> None:
        if not self.text.strip() or len(self.text) > _MAX_TEXT or not self.text.isprintable():
            raise UsageError(
                "the visible disclosure has a text that can't be drawn",
                code="disclosure",
                hint=f"One line of 1 to {_MAX_TEXT} letters.",
            )
        if not 0.0 <= self.card_s <= _MAX_CARD_S:
            raise UsageError(
                f"an opening card of {self.card_s:g} s can't be made",
                code="disclosure",
                hint=f"0 (none) to {_MAX_CARD_S:g} seconds.",
            )


def visible_of(
    profiles: Sequence[str], *, label: bool, card_s: float, text: str, font: str | None = None
) -> Visible:
    """What is to be seen: what is set, and a label where a chosen law asks for one and no card is set."""
    asked = any(PROFILES[name].asks_for_label for name in profiles) and not card_s
    return Visible(label or asked, card_s, text, font)


def aigc_tag(producer: str, manifest_id: str) -> dict[str, str]:
    """The container tag to write before signing: one key, one JSON value, all seven fields."""
    value = {
        "Label": _GENERATED,
        "ContentProducer": producer,
        "ProduceID": manifest_id,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    return {"AIGC": canonical_json(value).decode()}
