"""Landlock in plain ctypes: from then on this process opens, writes, starts and connects to nothing.

Linux 5.13 and later, no privilege needed (kernel documentation, userspace-api/landlock). Applies to the
calling thread and its later children: call it while the process has one thread.
"""

import ctypes
import os

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_VERSION_FLAG = 1
_PR_SET_NO_NEW_PRIVS = 38

# Access bits each ABI knows: asking an older kernel for newer bits is refused with EINVAL.
_FILE_BITS = {1: 13, 2: 14, 3: 15, 5: 16}
_NET_BITS, _NET_ABI = 0b11, 4
_SCOPE_BITS, _SCOPE_ABI = 0b11, 6


class _RulesetAttr(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """The Landlock version this kernel speaks; 0 where it has none or it is switched off."""
    abi = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    return max(0, int(abi))


def forbid_new_privileges() -> bool:
    """Set no_new_privs: no later program gains rights. True when the kernel agreed."""
    return bool(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)


def restrict_everything() -> int:
    """Deny every file, TCP and signal access that Landlock knows; returns the ABI used, 0 for none.

    Descriptors already open keep working. Needs `forbid_new_privileges` first.
    """
    abi = landlock_abi()
    if abi == 0:
        return 0
    bits = max(count for version, count in _FILE_BITS.items() if version <= abi)
    attr = _RulesetAttr(
        (1 << bits) - 1, _NET_BITS if abi >= _NET_ABI else 0, _SCOPE_BITS if abi >= _SCOPE_ABI else 0
    )
    size = 8 if abi < _NET_ABI else 16 if abi < _SCOPE_ABI else 24
    libc = _libc()
    ruleset = libc.syscall(_CREATE_RULESET, ctypes.byref(attr), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        return 0
    try:
        return abi if libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)) == 0 else 0
    finally:
        os.close(ruleset)
