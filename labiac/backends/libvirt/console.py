"""A guest's serial console in this terminal, by a stream of libvirt's: the host may be far away."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import termios
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.libvirt import agent
from labiac.backends.libvirt.connection import library
from labiac.backends.terminal import LEAVE, at_console, insist
from labiac.errors import BackendError
from labiac.host.signals import heeded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEVICE: Final = "/dev/ttyS0"
"""The console, as the guest calls it."""
_CHUNK: Final = 4096
_POLL_S: Final = 0.5
_SIZE: Final = struct.Struct("HHHH")
_SIZE_S: Final = 30


def attach(domain: Any, name: str) -> None:
    """Be at the console of *domain* until Ctrl-], or until the guest is off.

    Args:
        domain: A domain that runs.
        name: What people call it.

    Raises:
        BackendError: this is no terminal, or somebody else is at that console.
    """
    insist(f"libvirt {name}")
    stream = _open(domain, name)
    with heeded() as came, at_console(name), _resized(domain):
        _talk(stream, came)
    if came:
        raise SystemExit(128 + came[0])


def _open(domain: Any, name: str) -> Any:
    """Return a stream to the console; refused where somebody is at it, who would lose it."""
    libvirt = library()
    stream = domain.connect().newStream()
    try:
        domain.openConsole(None, stream, libvirt.VIR_DOMAIN_CONSOLE_SAFE)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_FAILED:
            raise
        fix = "labiac exec FILE NODE -- COMMAND works beside it"
        raise BackendError(
            f"libvirt {name}", "somebody is at its console", detail=str(error), fix=fix
        ) from None
    return stream


def _talk(stream: Any, came: Sequence[int]) -> None:
    """Carry what is typed to the guest, and what it says to the screen, unless a signal *came*."""
    ended, its_end = os.pipe()

    def listen() -> None:
        with suppress(library().libvirtError):
            while said := stream.recv(_CHUNK):
                os.write(1, said)
        os.write(its_end, b".")

    threading.Thread(target=listen, daemon=True).start()
    stream.send(b"\r")  # a prompt that waits shows itself
    while not came:
        ready, _, _ = select.select([0, ended], [], [], _POLL_S)
        if ended in ready:
            return
        if ready:
            typed, leave, _ = os.read(0, _CHUNK).partition(LEAVE)
            if typed:
                stream.send(typed)
            if leave or not typed:
                break
    stream.abort()


@contextmanager
def _resized(domain: Any) -> Iterator[None]:
    """Keep the guest's idea of the screen right: a serial line itself tells no size."""
    sized = threading.Event()
    sized.set()
    over = threading.Event()

    def follow() -> None:
        while not over.is_set():
            sized.wait()
            sized.clear()
            if not over.is_set():
                _tell_size(domain)

    before = signal.signal(signal.SIGWINCH, lambda *_: sized.set())
    threading.Thread(target=follow, daemon=True).start()
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)
        over.set()
        sized.set()


def _tell_size(domain: Any) -> None:
    packed = fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(_SIZE.size))
    rows, columns, *_ = _SIZE.unpack(packed)
    argv = ["stty", "-F", DEVICE, "rows", str(rows), "columns", str(columns)]
    with suppress(library().libvirtError, BackendError):  # no agent: it stays as it is
        agent.execute(domain, argv, timeout_s=_SIZE_S)
