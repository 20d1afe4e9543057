"""The disclosure tag that stands in the file itself, beside the signed manifest.

`AIGC` is the key of China's GB 45438-2025; its fields serve other laws' latent disclosure too: that the clip is
generated, by whom, and a unique ID. The ID is the manifest's, which is also what the watermark leads to. No
personal information. Engineering notes, not legal advice.
"""

from core.canonical import canonical_json

_GENERATED = "1"


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
