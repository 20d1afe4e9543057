"""The policy filter: one request in, one decision out. Pure: no files after loading, no clock, no log."""

import re
from functools import cache

from core.canonical import digest_of
from core.errors import UsageError
from policy.codes import Code, meaning
from policy.decision import Decision, Outcome, PolicyInput

# Video prompts run to a few hundred words; OpenAI's own limit for a prompt is 32,000 characters.
MAX_REQUEST_CHARS = 32_000
_BEST_KNOWN = re.compile(
    r"\b(taylor swift|barack obama|donald trump|joe biden|elon musk|tom hanks)\b", re.IGNORECASE
)


class PolicyFilter:
    """Decides requests by fixed rules. Thread-safe; the same input always gives the same decision."""

    @classmethod
    @cache
    def default(cls) -> "PolicyFilter":
        """The filter over the lists that ship with it."""
        return cls()

    @property
    def ruleset(self) -> str:
        """The digest over every list and rule."""
        return digest_of([_BEST_KNOWN.pattern])

    def decide(self, request: PolicyInput) -> Decision:
        """The decision on everything the request carries. Raises `UsageError` past `MAX_REQUEST_CHARS`."""
        if sum(map(len, request.texts.values())) > MAX_REQUEST_CHARS:
            raise UsageError(
                f"the request's texts may have {MAX_REQUEST_CHARS} characters together",
                code="prompt_too_long",
                hint="shorten the prompt",
            )
        if any(_BEST_KNOWN.search(text) for text in request.texts.values()):
            says = meaning(Code.PUBLIC_FIGURE)
            code = int(Code.PUBLIC_FIGURE)
            return Decision(
                Outcome.REFUSE, (code,), (says.category,), (says.reason,), self.ruleset, rules=("gazetteer",)
            )
        return Decision(Outcome.ALLOW, (), (), (), self.ruleset)
