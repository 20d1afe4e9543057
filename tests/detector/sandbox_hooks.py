"""Jobs for the confinement tests, run inside a confined child as `sandbox_hooks:<name>`."""

import ctypes
import os
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


def attempt(bench: Bench, what: str, target: str = "") -> None:
    """Reply with the error number of one forbidden act, or 0 where it worked."""
    acts: dict[str, Any] = {
        "read": lambda: Path(target).read_bytes(),
        "reopen": lambda: os.open(f"/proc/self/fd/{bench.file.fileno()}", os.O_RDONLY),
        "write": lambda: Path(target).write_bytes(b"x"),
        "write_input": lambda: os.write(bench.file.fileno(), b"x"),
        "list": lambda: os.listdir(target),
        "unlink": lambda: os.unlink(target),
        "chmod": lambda: os.chmod(target, 0o777),
        "tcp": lambda: socket.create_connection(("127.0.0.1", int(target)), timeout=2),
        "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "unix": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "spawn": lambda: subprocess.run(["/bin/true"], check=True),
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "fork": os.fork,
        "kill": lambda: os.kill(os.getppid(), 0),
        "raise_limit": lambda: __import__("resource").prlimit(os.getppid(), 7),
    }
    try:
        acts[what]()
    except OSError as error:
        bench.reply(error.errno)
    else:
        bench.reply(0)


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
