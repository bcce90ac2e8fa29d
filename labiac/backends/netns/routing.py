"""Routing protocols: FRR's daemons on a machine, from the same configuration as a guest's.

Each machine has an ``/etc/frr`` of its own, with the files and the sockets of its daemons; that is
``/run/frr`` on it too, where there is one, so that ``vtysh`` finds them.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from pathlib import Path
from shutil import which
from socket import AF_INET, AF_INET6
from typing import TYPE_CHECKING, Final

from labiac.backends.netns import dump, kernel, netlink
from labiac.backends.netns.marks import put
from labiac.plan.frr import configuration
from labiac.plan.model import Service

if TYPE_CHECKING:
    from labiac.backends.netns.netlink import Socket
    from labiac.plan.model import Machine

FOLDER: Final = "frr"
ZEBRA: Final = "zebra"
MGMTD: Final = "mgmtd"
"""Since FRR 9 it configures others; in 10 RIP's daemons know of no file themselves."""
PLACES: Final = ("/usr/lib/frr", "/usr/libexec/frr", "/usr/sbin")
_SOCKET: Final = f"/etc/{FOLDER}/zserv.api"
_SCRATCH: Final = "/var/tmp"  # noqa: S108 -- FRR's choice
_READY_S: Final = 5.0
_POLL_S: Final = 0.005
_GROUP: Final = "frrvty"


def program(daemon: str) -> str | None:
    """Return the path of FRR's *daemon*, None where it is not installed."""
    return which(daemon, path=os.pathsep.join(PLACES))


def services(machine: Machine) -> dict[Service, str]:
    """Return the daemons that *machine* runs, in the order in which to start them.

    With each comes the configuration that it is about: another one makes it start anew.
    """
    texts = _texts(machine)
    if texts and program(MGMTD) is not None:
        first = {ZEBRA: texts[ZEBRA], MGMTD: "".join(texts.values())}
        texts = first | texts
    return {Service(f"{FOLDER}.{each}", _command(each)): text for each, text in texts.items()}


def _texts(machine: Machine) -> dict[str, str]:
    """Return the configuration of each daemon, zebra's first; empty where there is no protocol."""
    wanted = configuration(machine)
    return {ZEBRA: f"hostname {machine.name}\n", **wanted} if wanted else {}


def _command(daemon: str) -> tuple[str, ...]:
    # Which file a daemon reads goes without saying: of later ones mgmtd reads it in their place.
    own = f"/etc/{FOLDER}"
    return (
        program(daemon) or daemon,
        *("--pid_file", f"{own}/{daemon}.pid"),
        *("--socket", _SOCKET),
        *("--vty_socket", own),
        *("--vty_port", "0"),
        *("--user", "root"),
        *("--group", "root"),
    )


def write(own: str, machine: Machine) -> None:
    """Write what the daemons of *machine* read into *own*, where its files of ``/etc`` are."""
    texts = _texts(machine)
    if not texts:
        return
    with suppress(FileExistsError):
        os.mkdir(f"{own}/{FOLDER}")  # noqa: PTH102
    for daemon, text in texts.items():
        put(f"{own}/{FOLDER}/{daemon}.conf", text.encode())
    put(f"{own}/{FOLDER}/vtysh.conf", b"no service integrated-vtysh-config\n")
    put(f"{own}/group", _groups().encode())


def _groups() -> str:
    """Return ``/etc/group`` as the daemons want it: who runs them is of the group of their ttys.

    In a user namespace there is root alone, and FRR insists.
    """
    lines = Path("/etc/group").read_text(encoding="utf-8").splitlines()
    others = [line for line in lines if not line.startswith(f"{_GROUP}:")]
    return "\n".join([*others, f"{_GROUP}:x:0:root", ""])


def before_start(service: Service) -> None:
    """On its machine, make ready for *service*: a new zebra is found by the daemons after it."""
    if not service.name.startswith(f"{FOLDER}."):
        return
    kernel.mount(FOLDER, _SCRATCH, "tmpfs")  # what a daemon notes there goes with it
    if service.name == f"{FOLDER}.{ZEBRA}":
        with suppress(FileNotFoundError):
            os.unlink(_SOCKET)  # noqa: PTH108
        return
    end = time.monotonic() + _READY_S
    while not os.path.exists(_SOCKET) and time.monotonic() < end:  # noqa: PTH110
        time.sleep(_POLL_S)


def forget(sock: Socket) -> None:
    """Delete the routes that daemons have left which run no more."""
    sock.send(
        [
            netlink.route(line.to, errno.ESRCH, delete=True, protocol=line.protocol)
            for family in (AF_INET, AF_INET6)
            for line in dump.routes(sock, family)
            if line.protocol in dump.LEARNED
        ]
    )
