"""What a credential tells of the files it was made from, at any depth, and the small pictures it keeps of them.

Manifests are strangers' words: they may name a thousand ancestors, themselves, or the same one a thousand times.
What is told is bounded (`MAX_NODES` in all, `MAX_DEPTH` levels, nearest first), and says what it leaves out.
Whether any of it holds is not decided here.
"""

import io
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import c2pa

from provenance import codes
from provenance.codes import Family
from provenance.settings import context_with

MAX_NODES, MAX_DEPTH = 64, 8
MAX_PICTURE_BYTES = 1 << 20
_MAX_ORIGIN_DEPTH = 32
_MAX_TEXT, _MAX_CODES, _MAX_PICTURE_ID = 400, 8, 500
_KEPT = ("title", "format", "relationship", "active_manifest")
_STORE_MIME = "application/c2pa"

_Json = Mapping[str, Any]


@dataclass(frozen=True)
class _Open:
    """A manifest whose ingredients are still to be told: whose it is, how far down, and above which it lies."""

    manifest: _Json
    label: str
    depth: int
    above: frozenset[str]
    node: dict[str, Any]


def told_ingredients(content: _Json, label: str) -> tuple[tuple[dict[str, Any], ...], int]:
    """The ingredients of a manifest in a store as the C2PA library reads it, and how many of them are left out.

    Each has `title`, `format`, `relationship`, `active_manifest` as told, `has_thumbnail` and `thumbnail` (its name
    in the store), `failures` (what was or is wrong with its own credential, trust and time aside); with a
    credential of its own also `origin`, `claim_generator`, `signed_by`, `ingredients` and how many of those are
    `left_out`. One that lies above itself is `is_repeated` and goes no deeper.
    """
    manifests: _Json = content.get("manifests") or {}
    deltas = _deltas(content)
    root: dict[str, Any] = {}
    left = MAX_NODES
    waiting = deque([_Open(manifests.get(label) or {}, label, 0, frozenset({label}), root)])
    while waiting:
        here = waiting.popleft()
        listed = ingredients_of(here.manifest)
        shown = listed[:left] if here.depth < MAX_DEPTH else []
        left -= len(shown)
        here.node["ingredients"], here.node["left_out"] = [], len(listed) - len(shown)
        for one in shown:
            node = _node(manifests, one, here, deltas)
            here.node["ingredients"].append(node)
            name = node.get("active_manifest", "")
            if name and name in manifests and not node["is_repeated"]:
                waiting.append(_Open(manifests[name], name, here.depth + 1, here.above | {name}, node))
    return tuple(root["ingredients"]), root["left_out"]


def _node(manifests: _Json, one: _Json, here: _Open, deltas: _Json) -> dict[str, Any]:
    told: dict[str, Any] = {name: _short(one[name]) for name in _KEPT if isinstance(one.get(name), str)}
    told["has_thumbnail"] = isinstance(one.get("thumbnail"), Mapping)
    told["thumbnail"] = picture_of(one)
    told["failures"] = _failures(one, deltas.get(f"{here.label}/{one.get('label')}", ()))
    name = told.get("active_manifest", "")
    own = manifests.get(name) if name else None
    if own is not None:
        told["origin"] = origin_in(manifests, name)
        told["claim_generator"] = _short(generator_of(own))
        told["signed_by"] = _signed_by(own)
        told["thumbnail"] = told["thumbnail"] or picture_of(own)
        told["ingredients"], told["left_out"] = [], 0
        told["is_repeated"] = name in here.above
    return told


def picture_of(told: _Json) -> str | None:
    """The name, within the store, of the small picture that a manifest or an ingredient has."""
    shown = told.get("thumbnail")
    name = shown.get("identifier") if isinstance(shown, Mapping) else None
    return name if isinstance(name, str) and 0 < len(name) <= _MAX_PICTURE_ID else None


def pictures_in(store: bytes, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The small pictures of a manifest store by name, as they stand in it: PNG, JPEG or whatever a stranger put
    there. What can't be read, or has more than 1 MiB, is left out."""
    with c2pa.Reader(_STORE_MIME, io.BytesIO(store), context=context_with(())) as reader:
        for name in wanted:
            found = io.BytesIO()
            try:
                reader.resource_to_stream(name, found)
            except c2pa.C2paError:
                continue
            if 0 < found.tell() <= MAX_PICTURE_BYTES:
                yield name, found.getvalue()


def origin_in(manifests: _Json, label: str, depth: int = 0) -> str:
    """What a manifest attests (generated, captured, edited, unknown), by its own actions and its parent's."""
    manifest = manifests.get(label)
    if manifest is None or depth > _MAX_ORIGIN_DEPTH:
        return "unknown"
    parents = [one for one in ingredients_of(manifest) if one.get("relationship") == "parentOf"]
    parent = parents[0].get("active_manifest") if parents else None
    return codes.origin_of(actions_of(manifest), origin_in(manifests, parent, depth + 1) if parent else None)


def ingredients_of(manifest: _Json) -> list[_Json]:
    """A manifest's ingredients in order; what is none of the right shape is left out."""
    return [one for one in manifest.get("ingredients") or () if isinstance(one, Mapping)]


def actions_of(manifest: _Json) -> list[Any]:
    """Everything that a manifest says was done, in order."""
    return [
        action
        for label, content in assertions_of(manifest).items()
        if label.startswith("c2pa.actions") and isinstance(content, Mapping)
        for action in content.get("actions") or ()
    ]


def assertions_of(manifest: _Json) -> dict[str, Any]:
    """Assertions by label; a second of the same label is `label__1`, as in the manifest's own addresses."""
    found: dict[str, Any] = {}
    for one in manifest.get("assertions") or ():
        instance = one.get("instance")
        label = str(one.get("label")) + (f"__{instance}" if instance else "")
        found[label] = one.get("data")
    return found


def generator_of(manifest: _Json) -> str | None:
    """The program that wrote a manifest, as it names itself."""
    info = (manifest.get("claim_generator_info") or [{}])[0]
    name, version = info.get("name"), info.get("version")
    return " ".join(str(part) for part in (name, version) if part) or manifest.get("claim_generator")


def codes_in(results: Any, kind: str) -> list[str]:
    """The status codes of one kind (`success`, `failure`, `informational`) in the library's results."""
    listed = results.get(kind) if isinstance(results, Mapping) else None
    return [str(one.get("code")) for one in listed or () if isinstance(one, Mapping)]


def recorded_failures(ingredient: _Json) -> Iterator[str]:
    """Failure codes that stand in an ingredient: as they were noted when it was used."""
    results = ingredient.get("validation_results") or {}
    yield from codes_in(results.get("activeManifest"), "failure")
    for delta in results.get("ingredientDeltas") or ():
        yield from codes_in(delta.get("validationDeltas"), "failure")
    for status in ingredient.get("validation_status") or ():  # the form of claims of version 1
        if not status.get("success", False):
            yield str(status.get("code"))


def is_about_trust(code: str) -> bool:
    """Whether a failure only says that a signer is on no list, or when it signed."""
    return codes.family_of(code) in (Family.TRUST, Family.TIME)


def _failures(ingredient: _Json, now: Sequence[str]) -> list[str]:
    found = (code for code in (*recorded_failures(ingredient), *now) if not is_about_trust(code))
    return [_short(code) or "" for code in list(dict.fromkeys(found))[:_MAX_CODES]]


def _deltas(content: _Json) -> dict[str, list[str]]:
    """What came out now of ingredients' credentials, by `manifest/assertion`."""
    found: dict[str, list[str]] = {}
    for delta in (content.get("validation_results") or {}).get("ingredientDeltas") or ():
        address = str(delta.get("ingredientAssertionURI", ""))
        label, _, assertion = address.removeprefix("self#jumbf=/c2pa/").partition("/c2pa.assertions/")
        found.setdefault(f"{label}/{assertion}", []).extend(codes_in(delta.get("validationDeltas"), "failure"))
    return found


def _signed_by(manifest: _Json) -> str | None:
    info = manifest.get("signature_info")
    names = (info.get("issuer"), info.get("common_name")) if isinstance(info, Mapping) else ()
    return next((_short(name) for name in names if isinstance(name, str) and name), None)


def _short(text: str | None) -> str | None:
    return None if text is None else text[:_MAX_TEXT]
