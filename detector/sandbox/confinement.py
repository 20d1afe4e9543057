"""Locks the current process down for good: limits first, then Landlock, then the system call filter.

Every fence is tried; the report says which of them the kernel granted, so that `doctor` and a verdict's
reader can tell. Call it with one thread running and everything already imported.
"""

import ctypes
import os
import resource
from dataclasses import asdict, dataclass

from detector.sandbox.landlock import forbid_new_privileges, restrict_everything
from detector.sandbox.limits import SandboxLimits
from detector.sandbox.seccomp import filter_system_calls

_PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 4, 24
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_OPEN_FILES = 64


@dataclass(frozen=True)
class Confinement:
    """Which fences hold around a child. `landlock_abi` is 0 where the kernel has no Landlock.

    `threads` is how many threads ran when the fences went up; Landlock binds only the one that asked,
    so anything but 1 is a fault of ours and reported as such.
    """

    no_new_privileges: bool
    limits: bool
    capabilities_dropped: bool
    landlock_abi: int
    seccomp: bool
    network_namespace: bool
    threads: int

    def to_json(self) -> dict[str, bool | int]:
        """The fences as a JSON object."""
        return asdict(self)


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def _set_limits(limits: SandboxLimits) -> bool:
    wanted = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: limits.cpu_s,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
    }
    for which, value in wanted.items():
        _, hard = resource.getrlimit(which)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # The soft limit alone sends SIGXCPU, which tells a spent budget from a kill; the hard one ends it.
        grace = 1 if which == resource.RLIMIT_CPU and hard == resource.RLIM_INFINITY else 0
        resource.setrlimit(which, (ceiling, ceiling + grace))
    return True


def _drop_capabilities() -> bool:
    """Give up root's powers where the process has any; an ordinary user has none to lose."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    number = _CAPSET.get(os.uname().machine)
    if number is None:
        return False
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    return bool(libc.syscall(number, ctypes.byref(header), ctypes.byref(nothing)) == 0)


def _leave_the_network() -> bool:
    """An empty network namespace: own right as root, through a user namespace where those are allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    return any(libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def _thread_count() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def confine(limits: SandboxLimits) -> Confinement:
    """Raise every fence the kernel offers around this process. There is no way back."""
    threads = _thread_count()
    no_new_privileges = forbid_new_privileges()
    # Under a millisecond, and it still holds where the machine type has no system call filter here.
    network_namespace = _leave_the_network()
    limited = _set_limits(limits)
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    dropped = _drop_capabilities()
    abi = restrict_everything() if no_new_privileges else 0
    filtered = filter_system_calls() if no_new_privileges else False
    return Confinement(no_new_privileges, limited, dropped, abi, filtered, network_namespace, threads)
