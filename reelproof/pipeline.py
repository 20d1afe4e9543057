"""The story of a clip, one line an arrow:

request → decide (logged, durable) → new payload → keyed initial latents → denoise → decode → embed in pixels →
encode with disclosure tags → read our own mark back → look for faces → sign **last** → read back and verify →
commit manifest, bindings and fingerprint → log the release → publish by atomic rename.

Nothing reaches `release` without an `Approval`, and an approval counts only if the log says so. Until the last
arrow nobody sees the clip: a crash anywhere leaves nothing under the final name, or a whole, verified release.
"""

import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.canonical import file_sha256
from core.clip import Clip
from core.clock import Clock, rfc3339
from core.errors import RequestRefused, UnreadableInput
from core.files import publish, staging_folder
from core.video import open_clip
from detector.listening import kept_sound_of
from detector.reference import reference_of
from generator.port import GenerationRequest, GeneratorBackend, Latents
from policy.decision import Outcome, PolicyInput
from policy.gate import LoggedDecision, PolicyGate
from policy.log import DecisionLog
from provenance.blobs import BlobStore
from provenance.fingerprint import fingerprint_clip
from provenance.keys import KeyStore
from provenance.records import Fingerprint, Release, SignedClip, SoftBinding
from provenance.repository import ManifestRepository
from provenance.signers import Signer
from provenance.signing import DEFAULT_OPTIONS, SigningOptions, sign_clip
from reelproof.disclosure import Visible, visible_of
from reelproof.facts import manifest_facts, release_report
from reelproof.labelling import disclosed, require_letters
from reelproof.marking import Marker
from reelproof.output_check import OutputCheck
from reelproof.references import Reference, ReferenceLooker
from reelproof.releases import (
    Approval,
    Asker,
    HeldForReview,
    MarkedClip,
    ReleaseReport,
    SealFacts,
    Watch,
    unwatched,
)
from reelproof.settings import Settings
from reelproof.sources import NO_SOURCES, Sources
from reelproof.thumbnails import poster
from reelproof.timing import Stopwatch
from watermark.noise import NoiseWatermark
from watermark.payload import PAYLOAD_BITS, Payload
from watermark.pixel import PixelWatermark
from watermark.pixel.layout import tell_apart

NOBODY_SPECIAL = Asker()
_NOT_KEPT = ("timings_s", "parent", "inputs", "actions")
_TRANSCODED = {"name": "c2pa.transcoded", "description": "encoded anew to carry the mark"}


@dataclass(frozen=True)
class Pipeline:
    """Makes released clips. Thread-safe; every step may be repeated after a crash with the same request ID.

    `signer` signs claims instead of the home's own key; `signing` names the time-stamp server.
    """

    settings: Settings
    clock: Clock
    gate: PolicyGate
    log: DecisionLog
    keys: KeyStore
    repository: ManifestRepository
    backends: Mapping[str, GeneratorBackend]
    pixel: PixelWatermark
    noise: NoiseWatermark
    open_untrusted: Callable[[Path], Clip]
    looker: ReferenceLooker
    output: OutputCheck
    signer: Signer | None = None
    signing: SigningOptions = DEFAULT_OPTIONS
    references: BlobStore | None = None

    def generate(
        self,
        request: GenerationRequest,
        out: Path,
        *,
        request_id: str | None = None,
        asker: Asker = NOBODY_SPECIAL,
        sources: Sources = NO_SOURCES,
        watch: Watch = unwatched,
    ) -> ReleaseReport:
        """A signed, marked, registered clip at `out`.

        Raises:
            RequestRefused: policy said no, or wants a person to look first. Nothing was generated.
            UsageError: the backend can't do what was asked.
        """
        approval = self.approve(
            request, request_id=request_id, asker=asker, references=sources.references(), watch=watch
        )
        with staging_folder(out) as folder:
            marked = self.render(approval, request, folder, watch, sources)
            return self.release(approval, marked, out, watch)

    def seal(
        self,
        source: Path,
        out: Path,
        facts: SealFacts,
        *,
        request_id: str | None = None,
        asker: Asker = NOBODY_SPECIAL,
        watch: Watch = unwatched,
    ) -> ReleaseReport:
        """A marked, signed, registered copy of another generator's clip, whose own credential is kept inside.

        Raises:
            RequestRefused: policy said no to what is known of it.
            UnreadableInput: the source is no decodable video.
        """
        watch("policy", 0.0)
        texts = {"prompt": facts.prompt, "system": facts.system, "model": facts.model, "file_name": source.stem}
        asked = PolicyInput(texts, consent_token=asker.consent_token, caller=asker.caller, purpose=asker.purpose)
        approval = self._decide(asked, request_id, generator=facts.system)
        watch("policy", 1.0)
        with staging_folder(out) as folder:
            marked = self._render_seal(approval, source, folder, facts, watch)
            return self.release(approval, marked, out, watch)

    def approve(
        self,
        request: GenerationRequest,
        *,
        request_id: str | None = None,
        asker: Asker = NOBODY_SPECIAL,
        references: tuple[Reference, ...] = (),
        watch: Watch = unwatched,
    ) -> Approval:
        """Policy's yes, durable in the log before this returns. Raises RequestRefused for a no or a not yet."""
        watch("policy", 0.0)
        texts = {
            "prompt": request.prompt,
            "shots": "\n".join(shot.prompt for shot in request.shots),
            "negative_prompt": request.negative_prompt,
            "camera": request.camera,
        }
        asked = PolicyInput(
            {field: text for field, text in texts.items() if text},
            consent_token=asker.consent_token,
            caller=asker.caller,
            purpose=asker.purpose,
            reference_kinds=tuple(one.kind for one in references),
            references=tuple(self.looker.look(one) for one in references),
        )
        approval = self._decide(asked, request_id, generator=request.backend)
        watch("policy", 1.0)
        return approval

    def render(
        self,
        approval: Approval,
        request: GenerationRequest,
        folder: Path,
        watch: Watch = unwatched,
        sources: Sources = NO_SOURCES,
    ) -> MarkedClip:
        """Sample, mark and encode the clip into `folder`. Nothing is signed and nobody sees it.

        Raises:
            HeldForReview: the frames show a face that nobody asked for; a person has to look first.
        """
        self._require_approved(approval)
        if (held := self.output.resumed(approval, folder)) is not None:
            return held
        stopwatch = Stopwatch()
        backend = self.backends[request.backend]
        sources.use.require(backend.capabilities, backend.name)
        seed = secrets.randbits(31) if request.seed is None else request.seed
        request = replace(request, seed=seed, media=sources.media(self.open_untrusted))
        payload, visible = Payload.fresh(self.keys.watermark_key_id), self._visible()
        require_letters(visible)
        with stopwatch.step("sample"):
            latents = self._initial_latents(backend, request, payload)
            generated = backend.generate(request, latents, partial(watch, "sample"))
        facts: dict[str, Any] = {
            **sources.facts(),
            "backend": backend.name,
            "model": dict(vars(backend.model)),
            "settings": generated.settings,
            "coverage": {"score": generated.coverage, "warnings": list(generated.warnings)},
            "noise": None if sources.clip else self._noise_facts(latents, payload),
        }
        shown, facts["actions"], _ = disclosed(generated.clip, visible)
        marked = self._marker.mark(shown, payload, self._key(payload), folder, facts, stopwatch, watch)
        return self.output.require_clear(approval, marked)

    def release(self, approval: Approval, marked: MarkedClip, out: Path, watch: Watch = unwatched) -> ReleaseReport:
        """Sign last, read back, commit, log, publish. Repeating it after a crash releases the clip once.

        Raises:
            RequestRefused: the consent it rests on was revoked or has expired meanwhile.
        """
        self._require_approved(approval)
        if approval.consent_id is not None:
            self.gate.require_consent(approval.consent_id, approval.request_id)
        stopwatch = Stopwatch(marked.facts["timings_s"])
        with stopwatch.step("sign"):
            watch("sign", 0.0)
            signed = self._signed_before(marked) or self._sign(approval, marked, stopwatch)
            watch("sign", 1.0)
        with stopwatch.step("register"):
            watch("register", 0.0)
            self._log_release_once(approval, marked, signed)
            watch("register", 1.0)
        with staging_folder(out) as folder:
            shutil.copyfile(signed.path, folder / out.name)
            publish(folder / out.name, out)
        watch("publish", 1.0)
        return release_report(out, signed, marked, approval, self.log, stopwatch.seconds)

    @property
    def _marker(self) -> Marker:
        return Marker(self.pixel, self.settings)

    def _key(self, payload: Payload) -> bytes:
        return self.keys.watermark_keys[payload.key_id]

    def _decide(self, asked: PolicyInput, request_id: str | None, *, generator: str) -> Approval:
        logged = self.gate.decide(asked, request_id=request_id, generator=generator)
        if logged.decision.outcome is not Outcome.ALLOW:
            raise _refusal(logged)
        consent_id = logged.consent.token_id if logged.consent else None
        return Approval(logged.request_id, logged.decision, logged.log_index, consent_id)

    def _require_approved(self, approval: Approval) -> None:
        """The log, not the object, says whether a request was approved."""
        entry = self.log.entry(approval.log_index)
        if entry.get("outcome") != "allow" or entry.get("request_id") != approval.request_id:
            raise RequestRefused(
                "this request has no approval in the decision log",
                hint="Ask the policy first: approve the request, then render and release it.",
                reason_codes=(),
                log_index=approval.log_index,
            )

    def _initial_latents(self, backend: GeneratorBackend, request: GenerationRequest, payload: Payload) -> Latents:
        rng = np.random.default_rng(request.seed)
        shape = backend.latent_spec(request).shape
        latents: Latents = self.noise.initial_latents(shape, payload, self._key(payload), rng)
        return latents

    def _noise_facts(self, latents: Latents, payload: Payload) -> dict[str, Any]:
        """What the initial latents carry: the whole payload, or its short ID where they are few."""
        bits = self.noise.id_bits(latents.shape)
        value = payload.to_bytes() if bits == PAYLOAD_BITS else payload.short_id.to_bytes(4, "big")
        return {"alg": self.noise.alg, "bits": bits, "value": value.hex()}

    def _render_seal(
        self, approval: Approval, source: Path, folder: Path, facts: SealFacts, watch: Watch
    ) -> MarkedClip:
        self._require_approved(approval)
        clip = self.open_untrusted(source)
        described: dict[str, Any] = {
            "origin": "sealed",
            "title": "Sealed clip",
            "backend": facts.system,
            "model": {"name": facts.model, "version": "", "digest": "", "note": ""},
            "settings": {},
            "coverage": {"score": 1.0, "warnings": []},
            "noise": None,
            "parent": {"path": str(source), "title": source.name},
        }
        shown, drawn, delay_s = disclosed(clip, self._visible(facts.label, facts.card_s))
        described["actions"] = [_TRANSCODED, *drawn]
        payload = self._payload_beside(clip)
        audio = source if clip.info.has_audio else None
        return self._marker.mark(
            shown, payload, self._key(payload), folder, described, Stopwatch(), watch,
            audio_from=audio, audio_delay_s=delay_s,
        )  # fmt: skip

    def _visible(self, label: bool | None = None, card_s: float | None = None) -> Visible:
        """What people are to see of the disclosure: as asked for, else as set."""
        settings = self.settings
        set_up = visible_of(
            settings.disclosure_profiles,
            label=settings.visible_label,
            card_s=settings.opening_card_s if card_s is None else card_s,
            text=settings.visible_text,
            font=settings.label_font,
        )
        return set_up if label is None else replace(set_up, label=label)

    def _payload_beside(self, clip: Clip) -> Payload:
        """A new payload whose mark can be told from one of ours that the clip may already carry."""
        found = self.pixel.extract(clip, self.keys.watermark_keys, blind=False)
        payload = Payload.fresh(self.keys.watermark_key_id)
        while found.payload is not None and not tell_apart(payload, found.payload, self._key(payload)):
            payload = Payload.fresh(self.keys.watermark_key_id)
        return payload

    def _signed_before(self, marked: MarkedClip) -> SignedClip | None:
        """The signed file of an earlier, interrupted release, if it was committed and still lies there whole."""
        signed_path = marked.path.with_name("signed.mp4")
        release = self.repository.get(marked.facts["manifest_id"])
        if release is None or not signed_path.exists() or file_sha256(signed_path) != release.sha256:
            return None
        return SignedClip(signed_path, release.sha256, release.manifest_id, release.manifest_store)

    def _sign(self, approval: Approval, marked: MarkedClip, stopwatch: Stopwatch) -> SignedClip:
        """Sign beside the marked file, read back, then commit manifest, bindings and fingerprint."""
        fingerprint = fingerprint_clip(open_clip(marked.path))
        bindings = self._bindings(marked, fingerprint)
        self.gate.record("sign-intent", approval.request_id, content_id=marked.content_id)
        pictures = self._small_pictures(marked)
        facts = manifest_facts(marked, bindings, approval, self.log, self.settings, self.clock, pictures)
        signer, target = self.signer or self.keys.signer(), marked.path.with_name("signed.mp4")
        signed = sign_clip(marked.path, target, facts, signer, options=self.signing)
        described = {name: value for name, value in marked.facts.items() if name not in _NOT_KEPT}
        if self.references is not None:
            # Small pictures of the release: what the detector compares copies with, place by place.
            described["reference"] = self.references.put(reference_of(open_clip(marked.path)))
            described |= self._kept_sound(self.references, marked, signed.manifest_id)
        self.repository.put(
            Release(
                signed.manifest_id,
                signed.sha256,
                signed.manifest_store,
                bindings,
                fingerprint,
                rfc3339(self.clock.now()),
                {"request_id": approval.request_id, "content_id": marked.content_id, **described},
            )
        )
        return signed

    def _kept_sound(self, kept_in: BlobStore, marked: MarkedClip, manifest_id: str) -> dict[str, str | None]:
        """The fact that names what is kept of the sound: None where there is none. A track that can't be decoded
        leaves no fact: copies are then not compared by it."""
        if not open_clip(marked.path).info.has_audio:
            return {"sound": None}
        try:
            kept = kept_sound_of(marked.path, manifest_id)
        except UnreadableInput:
            return {}
        return {"sound": kept_in.put(kept) if kept is not None else None}

    def _small_pictures(self, marked: MarkedClip) -> dict[str, bytes]:
        """A small JPEG of the clip, and of the clip that was sealed."""
        pictures = {"clip": poster(open_clip(marked.path))}
        if parent := marked.facts.get("parent"):
            pictures["parent"] = poster(self.open_untrusted(Path(parent["path"])))
        return pictures

    def _log_release_once(self, approval: Approval, marked: MarkedClip, signed: SignedClip) -> None:
        later = range(approval.log_index + 1, self.log.size)
        wanted = ("release", approval.request_id)
        if any((entry.get("stage"), entry.get("request_id")) == wanted for entry in map(self.log.entry, later)):
            return
        self.gate.record(
            "release",
            approval.request_id,
            content_id=marked.content_id,
            manifest_id=signed.manifest_id,
            output_sha256=signed.sha256,
        )

    def _bindings(self, marked: MarkedClip, fingerprint: Fingerprint) -> tuple[SoftBinding, ...]:
        end_ms = round(marked.facts["file"]["duration_s"] * 1_000)
        pixel = bytes.fromhex(marked.facts["pixel"]["value"])
        bindings = [SoftBinding(self.pixel.alg, pixel, 0, end_ms, "pixel watermark")]
        if marked.facts["noise"]:
            noise = bytes.fromhex(marked.facts["noise"]["value"])
            bindings.append(SoftBinding(self.noise.alg, noise, 0, end_ms, "initial-noise watermark"))
        bindings.append(SoftBinding(fingerprint.alg, fingerprint.to_bytes(), 0, end_ms, "fingerprint"))
        return tuple(bindings)


def _refusal(logged: LoggedDecision) -> RequestRefused:
    reasons = " ".join(logged.decision.reasons) or "The request is not allowed."
    if logged.decision.outcome is Outcome.REVIEW:
        codes = logged.decision.codes
        return HeldForReview(reasons, logged.request_id, reason_codes=codes, log_index=logged.log_index)
    return RequestRefused(
        f"refused by policy: {reasons}",
        hint=f"Rephrase without the person or the content named; the decision is log entry {logged.log_index}.",
        reason_codes=logged.decision.codes,
        log_index=logged.log_index,
    )
