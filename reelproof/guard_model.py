"""Guard models through transformers as a further opinion on harm: Llama Guard, ShieldGemma, from a local folder.

Nothing is downloaded: the folder holds what `save_pretrained` or a copy of the model's repository gives (config,
tokenizer, safetensors). The extra `guard` brings transformers and torch; both are imported only when a guard is
loaded. A guard says what is harmful; it has no class for likeness and never clears what the rules found.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from core.canonical import digest_of
from core.errors import ConfigurationError
from policy.harm_heads import HarmListener

# Llama Guard's hazard codes (model cards of Llama Guard 3 and 4) in the words of the context table. S2 is all
# non-violent crime: fraud is its largest part and the one that a video can be. Codes that are left out (defamation,
# advice, privacy, weapons, code) have no class here.
_HAZARDS = {
    "S1": ("violence",),
    "S2": ("scam",),
    "S3": ("sexual",),
    "S4": ("minors", "sexual"),
    "S10": ("hate",),
    "S11": ("self_harm",),
    "S12": ("sexual",),
    "S13": ("political",),
}
_HAZARD = re.compile(r"\bS\d{1,2}\b")
_ANSWER_TOKENS = 20
_MAX_PROMPT_CHARS = 8_000
# What ShieldGemma is asked, one question a class, in the form of its model card.
_GUIDELINES = {
    "sexual": "No Sexually Explicit Information: the prompt shall not ask for explicit sexual acts or for nudity "
    "that is meant to arouse. Education and health are allowed.",
    "hate": "No Hate Speech: the prompt shall not ask for content that attacks, dehumanises or calls for harm "
    "to people because of their race, religion, origin, disability, sex or orientation.",
    "violence": "No Dangerous Content: the prompt shall not ask for graphic cruelty or gore, or for help in "
    "harming others.",
    "self_harm": "No Dangerous Content: the prompt shall not ask for content that shows, teaches or praises "
    "suicide, self-injury or eating disorders.",
}
_QUESTION = (
    "You are a policy expert trying to help determine whether a user prompt is in violation of the defined safety "
    "policies.\n<start_of_turn>\nHuman Question: {text}\n<end_of_turn>\n\nOur safety principle is defined in the "
    "below:\n\n* {guideline}\n\nDoes the human question violate the above principle? Your answer must start with "
    "'Yes' or 'No'. And then walk through step by step to be sure we answer correctly.\n"
)
_YES_ABOVE = 0.5


class LlamaGuard:
    """Llama Guard: writes "safe", or "unsafe" and hazard codes. Greedy, so the same text gets the same answer."""

    def __init__(self, model: Any, tokenizer: Any, digest: str) -> None:
        self._model, self._tokenizer, self.digest = model, tokenizer, digest

    def flags(self, text: str) -> list[tuple[str, str]]:
        """What the model finds in a text, read as a user's request."""
        import torch

        asked = [{"role": "user", "content": text[:_MAX_PROMPT_CHARS]}]
        rows = self._tokenizer.apply_chat_template(asked, return_tensors="pt", return_dict=True)["input_ids"]
        with torch.inference_mode():
            written = self._model.generate(
                input_ids=rows,
                attention_mask=torch.ones_like(rows),
                max_new_tokens=_ANSWER_TOKENS,
                do_sample=False,
                pad_token_id=0,
            )
        return hazards_of(self._tokenizer.decode(written[0, rows.shape[1] :], skip_special_tokens=True))


class ShieldGemma:
    """ShieldGemma: how much likelier "Yes" is than "No" as the next word, one question a class."""

    def __init__(self, model: Any, tokenizer: Any, digest: str) -> None:
        self._model, self._tokenizer, self.digest = model, tokenizer, digest
        known = tokenizer.get_vocab()
        if not {"Yes", "No"} <= known.keys():
            raise _unusable("its tokenizer has no words for Yes and No")
        self._answers = [known["Yes"], known["No"]]

    def flags(self, text: str) -> list[tuple[str, str]]:
        """The classes whose principle the text violates in the model's eyes."""
        return [(f"guard:{flag}", flag) for flag in _GUIDELINES if self.violates(text, flag) > _YES_ABOVE]

    def violates(self, text: str, flag: str) -> float:
        """How likely (0 to 1) the text violates the principle of a class."""
        import torch

        # What closes a turn in the model's own notation must not end the quoted prompt.
        quoted = re.sub(r"<(?:start|end)_of_turn>", " ", text[:_MAX_PROMPT_CHARS])
        rows = self._tokenizer(_QUESTION.format(text=quoted, guideline=_GUIDELINES[flag]), return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(input_ids=rows["input_ids"]).logits[0, -1, self._answers]
        return float(torch.softmax(logits.float(), dim=0)[0])


_FAMILIES: dict[str, type[LlamaGuard] | type[ShieldGemma]] = {
    "llama": LlamaGuard,
    "llama4": LlamaGuard,
    "gemma2": ShieldGemma,
}


def load_guard(folder: Path) -> HarmListener:
    """The guard model in a folder; its family follows from the config.

    Raises:
        ConfigurationError: no such folder, another kind of model, or the extra `guard` is not installed.
    """
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
        family = _FAMILIES[kind]
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise _unusable(f"no Llama Guard or ShieldGemma in {folder.name}") from fault
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as fault:
        raise ConfigurationError(
            "a guard model needs transformers and torch",
            code="guard_extra_missing",
            hint='pip install "reelproof[guard]", or unset REELPROOF_GUARD_MODEL',
        ) from fault
    try:
        options = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        model: Any = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **options)
        model.eval()
    except (OSError, ValueError, KeyError, RuntimeError) as fault:
        raise _unusable(f"the model in {folder.name} can't be loaded") from fault
    return family(model, tokenizer, folder_digest(folder))


def folder_digest(folder: Path) -> str:
    """The digest over every file's name and content, in hex; the files of hidden folders apart."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in place.parts):
            with path.open("rb") as opened:
                found[place.as_posix()] = hashlib.file_digest(opened, "sha256").hexdigest()
    return digest_of(found)


def hazards_of(answer: str) -> list[tuple[str, str]]:
    """The flags in a Llama Guard answer. What is neither "safe" nor "unsafe" is an error: a guard never shrugs.

    Raises:
        ValueError: the model wrote something else; the gate turns that into a refusal.
    """
    words = answer.split(maxsplit=1)
    if not words or words[0] not in ("safe", "unsafe"):
        raise ValueError("the guard model answered neither safe nor unsafe")
    if words[0] == "safe":
        return []
    return [(f"guard:{code}", flag) for code in _HAZARD.findall(answer) for flag in _HAZARDS.get(code, ())]


def _unusable(why: str) -> ConfigurationError:
    return ConfigurationError(
        f"the guard model can't be used: {why}",
        code="guard_unusable",
        hint="REELPROOF_GUARD_MODEL names a local folder with config.json, tokenizer and safetensors.",
    )
