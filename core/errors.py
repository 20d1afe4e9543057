"""The exception tree. Every error says what was wrong and, in `hint`, what to do next.

    ReelproofError
    ├── UsageError            exit 2   the request itself makes no sense; nothing was done
    ├── RequestRefused        exit 3   policy said no; the reason never echoes a name
    ├── RequirementNotMet     exit 4   `verify --require` saw another conclusion
    ├── UnreadableInput       exit 5   the file is no decodable video, or too costly to decode
    ├── ConfigurationError    exit 6   keys, trust, settings or installation
    └── ServiceUnreachable    exit 7   a service that was asked for does not answer

Anything else that escapes is an unexpected fault (exit 1).
"""

from typing import ClassVar


class ReelproofError(Exception):
    """A failure a person can act on. `code` is stable and snake_case; `hint` names the next step."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, code: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class UsageError(ReelproofError):
    """The request makes no sense as it stands: an unknown option value, an impossible size."""

    exit_code = 2


class RequestRefused(ReelproofError):
    """Policy refused the request. Carries the numeric reason codes and the log index of the decision."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str, reason_codes: tuple[int, ...], log_index: int | None) -> None:
        super().__init__(message, code="refused_by_policy", hint=hint)
        self.reason_codes = reason_codes
        self.log_index = log_index


class RequirementNotMet(ReelproofError):
    """A clip was verified, and its conclusion is not the one that was required."""

    exit_code = 4


class UnreadableInput(ReelproofError):
    """The input can't be decoded, or decoding it would exceed the stated limits."""

    exit_code = 5


class ConfigurationError(ReelproofError):
    """A key, a certificate, a trust list, a setting or a part of the installation is missing or wrong."""

    exit_code = 6


class ServiceUnreachable(ReelproofError):
    """A service that this call depends on does not answer."""

    exit_code = 7
