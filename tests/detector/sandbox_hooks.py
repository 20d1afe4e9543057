"""Jobs for the confinement tests, run inside a confined child as `sandbox_hooks:<name>`."""

import ctypes
import os
import resource
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from detector.sandbox import wire
from detector.sandbox.child import Bench


def echo(bench: Bench, **arguments: Any) -> None:
    bench.reply({"arguments": arguments, "content": bench.file.read().hex()})


def sleep_forever(bench: Bench) -> None:
    time.sleep(3600)


def spin_forever(bench: Bench) -> None:
    while True:
        pass


def allocate(bench: Bench, size: int) -> None:
    bench.reply(len(bytearray(size)))


def crash(bench: Bench) -> None:
    ctypes.string_at(0)


def raise_fault(bench: Bench) -> None:
    raise KeyError("secret text of the file")


def vanish(bench: Bench) -> None:
    os._exit(0)


def lie_about_length(bench: Bench) -> None:
    os.write(bench.output, wire.RECORD.pack(wire.REPLY, 1 << 62))


def send_garbage(bench: Bench) -> None:
    os.write(bench.output, b"\xff" * 4096)


def send_bad_json(bench: Bench) -> None:
    wire.send(bench.output, wire.REPLY, b"{" * 100_000)


def attempt_all(bench: Bench, secret: str, folder: str, port: int) -> None:
    """Reply with the error number of each forbidden act, or 0 where it worked."""
    acts: dict[str, Any] = {
        "read": lambda: Path(secret).read_bytes(),
        "reopen": lambda: os.open(f"/proc/self/fd/{bench.file.fileno()}", os.O_RDONLY),
        "write": lambda: Path(secret).write_bytes(b"x"),
        "create": lambda: Path(folder, "new").write_bytes(b"x"),
        "write_input": lambda: os.write(bench.file.fileno(), b"x"),
        "list": lambda: os.listdir(folder),
        "unlink": lambda: os.unlink(secret),
        "chmod": lambda: os.chmod(secret, 0o777),
        "tcp": lambda: socket.create_connection(("127.0.0.1", port), timeout=2),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "unix": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "spawn": lambda: subprocess.run(["/bin/true"], check=True),
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "fork": os.fork,
        "kill": lambda: os.kill(os.getppid(), 0),
        "raise_limit": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE),
    }
    bench.reply({name: _error_of(act) for name, act in acts.items()})


def _error_of(act: Any) -> int:
    try:
        act()
    except OSError as error:
        return error.errno or -1
    return 0


def count_threads(bench: Bench) -> None:
    """Threads of this process may still start; they inherit the fences."""
    found: list[int] = []

    def look() -> None:
        try:
            os.open("/etc/hostname", os.O_RDONLY)
        except OSError as error:
            found.append(error.errno or 0)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    bench.reply(found)
