"""A seccomp filter in plain ctypes: no sockets, no new programs or processes, no reach into other processes.

What Landlock leaves open (UDP and local sockets, fork, chmod, ptrace, io_uring …) answers EPERM. The rest
of the system calls stay: this is a second fence behind Landlock, not a list of all that is needed.
BPF as in the kernel's userspace-api/seccomp_filter; numbers from the kernel's system call tables.
"""

import ctypes
import errno
import os
import platform
from collections.abc import Iterable

_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCH_AT, _FIRST_ARGUMENT_AT = 0, 4, 16
_CLONE_THREAD = 0x00010000
_X32_BIT = 0x40000000
_SET_MODE_FILTER, _TSYNC = 1, 1

# Same numbers on every 64-bit architecture (the unified table from 403 on).
_COMMON_DENIED = (
    424,  # pidfd_send_signal
    425,  # io_uring_setup
    428, 429, 430, 431, 432, 433, 442,  # the mount API
    434, 438,  # pidfd_open, pidfd_getfd
    448,  # process_mrelease
    452,  # fchmodat2
)  # fmt: skip

_X86_64 = {
    "arch": 0xC000003E,
    "seccomp": 317,
    "clone": 56,
    "clone3": 435,
    "tgkill": 234,
    "prlimit64": 302,
    "denied": (
        41, 53, 42, 49, 50, 43, 288,  # socket, socketpair, connect, bind, listen, accept, accept4
        57, 58, 59, 322,  # fork, vfork, execve, execveat
        62, 200, 129, 297,  # kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
        101, 310, 311, 312,  # ptrace, process_vm_readv, process_vm_writev, kcmp
        321, 323, 298,  # bpf, userfaultfd, perf_event_open
        248, 249, 250,  # add_key, request_key, keyctl
        155, 161, 165, 166, 272, 308,  # pivot_root, chroot, mount, umount2, unshare, setns
        175, 176, 313, 246, 320, 169, 167, 168,  # modules, kexec, reboot, swap
        164, 227, 170, 171, 305,  # clocks and names of the machine
        303, 304,  # name_to_handle_at, open_by_handle_at
        29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 240,  # System V and POSIX message queues, shared memory
        90, 91, 92, 93, 94, 260, 268, 76,  # chmod and chown families, truncate
        132, 235, 261, 280,  # utime family
        188, 189, 190, 197, 198, 199,  # extended attributes
    ),
}  # fmt: skip

_AARCH64 = {
    "arch": 0xC00000B7,
    "seccomp": 277,
    "clone": 220,
    "clone3": 435,
    "tgkill": 131,
    "prlimit64": 261,
    "denied": (
        198, 199, 203, 200, 201, 202, 242,  # socket, socketpair, connect, bind, listen, accept, accept4
        221, 281,  # execve, execveat
        129, 130, 138, 240,  # kill, tkill, rt_sigqueueinfo, rt_tgsigqueueinfo
        117, 270, 271, 272,  # ptrace, process_vm_readv, process_vm_writev, kcmp
        280, 282, 241,  # bpf, userfaultfd, perf_event_open
        217, 218, 219,  # add_key, request_key, keyctl
        41, 51, 40, 39, 97, 268,  # pivot_root, chroot, mount, umount2, unshare, setns
        105, 106, 273, 104, 294, 142, 224, 225,  # modules, kexec, reboot, swap
        170, 112, 161, 162, 266,  # clocks and names of the machine
        264, 265,  # name_to_handle_at, open_by_handle_at
        180, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197,  # message queues, shared memory
        52, 53, 54, 55, 45,  # chmod and chown families, truncate
        88,  # utimensat
        5, 6, 7, 14, 15, 16,  # extended attributes
    ),
}  # fmt: skip

_TABLES = {"x86_64": _X86_64, "aarch64": _AARCH64}
_Instruction = tuple[int, int, int, int]


class _Filter(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Filter)))


def _deny(number: int, error: int = errno.EPERM) -> list[_Instruction]:
    return [(_JUMP_EQ, 0, 1, number), (_RETURN, 0, 0, _ERRNO | error)]


def _only_with_first_argument(number: int, value: int) -> list[_Instruction]:
    """Allow a call only when its first argument's low half is `value`; the accumulator holds the call's number."""
    return [
        (_JUMP_EQ, 0, 4, number),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_JUMP_EQ, 0, 1, value),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
    ]


def _only_threads(clone: int) -> list[_Instruction]:
    """Allow clone for a thread of this process, never for a new process."""
    return [
        (_JUMP_EQ, 0, 4, clone),
        (_LOAD, 0, 0, _FIRST_ARGUMENT_AT),
        (_JUMP_BITS, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
    ]


def _instructions(table: dict[str, object], denied: Iterable[int], pid: int) -> list[_Instruction]:
    def number(name: str) -> int:
        value = table[name]
        if not isinstance(value, int):
            raise TypeError(name)
        return value

    program = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_JUMP_EQ, 1, 0, number("arch")),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_GE, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
    ]
    for call in denied:
        program += _deny(call)
    # glibc falls back from clone3 to clone on ENOSYS; only clone's flags can be seen from a filter.
    program += _deny(number("clone3"), errno.ENOSYS)
    program += _only_threads(number("clone"))
    program += _only_with_first_argument(number("tgkill"), pid)
    program += _only_with_first_argument(number("prlimit64"), 0)
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def filter_system_calls() -> bool:
    """Install the filter on every thread of this process; False where kernel or machine type has none.

    Needs no_new_privs. After it the process can still read and write what it holds open and start threads.
    """
    table = _TABLES.get(platform.machine())
    if table is None:
        return False
    denied = table["denied"]
    calls = (*(denied if isinstance(denied, tuple) else ()), *_COMMON_DENIED)
    steps = _instructions(dict(table), calls, os.getpid())
    array = (_Filter * len(steps))(*(_Filter(*step) for step in steps))
    program = _Program(len(steps), array)
    libc = ctypes.CDLL(None, use_errno=True)
    call = table["seccomp"]
    return bool(libc.syscall(call, _SET_MODE_FILTER, _TSYNC, ctypes.byref(program)) == 0)
