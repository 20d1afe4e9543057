"""The decision log in C2SP tlog-tiles form: append, read, prove, audit.

Anybody can check that an entry stands in the log and that a later log continues an earlier one. That
whoever holds the key did not sign two different logs is shown only by witnesses, or by checkpoints kept elsewhere.
"""

from policy.log.audit import LogAudit
from policy.log.decision_log import DecisionLog, LogUnavailable
from policy.log.note import Checkpoint, ProofInvalid, VerifierKey
from policy.log.reader import LogReader

__all__ = ["Checkpoint", "DecisionLog", "LogAudit", "LogReader", "LogUnavailable", "ProofInvalid", "VerifierKey"]
