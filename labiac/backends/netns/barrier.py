"""Wait for the kernel to take namespaces down: it does so in its own time, one after the other."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from socket import if_nametoindex
from typing import Final

from labiac.backends.netns import kernel, netlink, wiring
from labiac.backends.netns.enter import traveller

_POLL_S: Final = 0.001


def wait(deadline: float) -> bool:
    """Return whether all namespaces deleted so far are gone before *deadline* (monotonic).

    The kernel takes them down in the order of their end. So one more is made and ended here, with
    a cable to a second one that stays meanwhile: when the cable is gone, so are all before it.
    """
    with traveller():
        kernel.unshare(kernel.NEW_NET)
        last = os.open(kernel.HERE, os.O_RDONLY | os.O_CLOEXEC)
        # A closed socket holds its namespace for a grace period more; let that be so here too.
        netlink.Socket().close()
        try:
            kernel.unshare(kernel.NEW_NET)
            with netlink.Socket() as sock:
                sock.send([wiring.veth(wiring.End("end"), wiring.End("end", last), up=False)])
        finally:
            os.close(last)
        with suppress(OSError):  # there is no such interface: it is gone
            while time.monotonic() < deadline:
                if_nametoindex("end")
                time.sleep(_POLL_S)
            return False
    return True
