"""A guest by commands that run in it: wait until it is ready, look at it, and mend what differs."""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Protocol

from labiac.backends.guest import script, seen, steps
from labiac.backends.ssh import SilentError
from labiac.errors import BackendError
from labiac.plan.model import Machine
from labiac.plan.nftables import ruleset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from labiac.backends.base import Observed, Ping, Ran, Watch

_RESULT: Final = "/run/cloud-init/result.json"
"""cloud-init writes it when it has finished; it goes with the next boot."""
_ROUNDS: Final = 4
"""How often to look again: networkd, too, answers what happens to a link, a moment after it."""
_POLL_S: Final = 2.0
_ANSWER_S: Final = 60
"""How long a busy guest may take for one answer."""
_QUIET_S: Final = 2.0
"""How long a ping may stay silent where nobody wants to wait for the last one."""
_AT_ONCE: Final = 16
_PING: Final = """
for address; do
  ping -n -q -c 1 -i 0.2 -w "$0" "$address" >/dev/null 2>&1 && echo "$address" &
done
wait
"""


class Runs(Protocol):
    """Runs a command in one guest."""

    def __call__(self, argv: Sequence[str], *, timeout_s: float, stdin: bytes = b"") -> Ran:
        """Run *argv* with *stdin* there, and return what came of it."""


def wait(run: Runs, name: str, *, where: str, timeout_s: float, watch: Watch) -> None:
    """Wait until the guest has done all that its seed says.

    Args:
        run: Runs a command in it.
        name: What *watch* knows it by.
        where: What errors call it.
        timeout_s: How long it may take.
        watch: Who waits for it.

    Raises:
        BackendError: cloud-init failed, it takes too long, or *watch* is cancelled.
    """
    begun = time.monotonic()
    while not (result := _result(run)):
        waited_s = time.monotonic() - begun
        if waited_s > timeout_s:
            problem = f"cloud-init has not finished after {timeout_s:g} s, as far as SSH tells"
            fix = "labiac up goes on where this left off; an image needs cloud-init and sshd"
            raise BackendError(where, problem, fix=fix)
        watch.say(f"{name}: boots, {waited_s:.0f} s")
        if watch.cancelled.wait(_POLL_S):
            fix = "it goes on booting, and labiac up goes on waiting"
            raise BackendError(where, "nobody waited until it was ready", fix=fix)
    if errors := json.loads(result)["v1"].get("errors", []):
        detail, fix = "\n".join(map(str, errors)), "see /var/log/cloud-init-output.log there"
        raise BackendError(where, "cloud-init failed", detail=detail, fix=fix)


def look(run: Runs, planned: Machine) -> Machine | None:
    """Return *planned* as the guest has it inside, or None when it does not answer."""
    argv, rules = ["sh", "-c", script(planned)], ruleset(planned).encode()
    try:
        ran = run(argv, timeout_s=_ANSWER_S, stdin=rules)
    except SilentError:
        return None
    return seen(planned, ran.stdout.decode(errors="replace")) if ran.stdout else None


def mend(run: Runs, was: Machine, now: Machine) -> None:
    """Make the guest, which is *was* inside, what *now* says, while it runs."""
    for argv, data in steps(was, now):
        run(argv, timeout_s=_ANSWER_S, stdin=data)


def mended(
    observed: Callable[[], Observed | None], way: Callable[[], Runs], now: Machine
) -> Observed | None:
    """Make a guest inside what *now* says, where it differs; return its machine as it is.

    Args:
        observed: Returns the machine as it is, inside too; None when it is gone.
        way: Gives what runs commands in it.
        now: What it is to be.
    """
    found = observed()
    for _ in range(_ROUNDS):
        if not found or not found.running or found.item == now:
            break
        if not isinstance(found.item, Machine) or found.item.management is None:
            break
        mend(way(), found.item, now)
        found = observed()
    return found


def measure(
    runs: Callable[[str], Runs | None],
    pings: Sequence[Ping],
    *,
    timeout_s: float,
    settle: bool,
) -> list[bool]:
    """Return, in the order asked, whether each ping was answered: all at once, one command a guest.

    Args:
        runs: Gives what runs commands in a machine, by its name; None: the machine is off.
        pings: What to ask.
        timeout_s: How long to repeat a ping that is not answered.
        settle: Whether to wait that long in any case.

    Raises:
        BackendError: a guest does not answer us.
    """
    wait_s = max(1, math.ceil(timeout_s if settle else min(timeout_s, _QUIET_S)))
    sources = sorted({ping.source for ping in pings})

    def ask(source: str) -> set[tuple[str, str]]:
        run = runs(source)
        mine = dict.fromkeys(ping.address for ping in pings if ping.source == source)
        heard = _ping(run, mine, wait_s) if run else set()
        return {(source, address) for address in heard}

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ping") as pool:
        answered = {each for found in pool.map(ask, sources) for each in found}
    return [(ping.source, ping.address) in answered for ping in pings]


def _ping(run: Runs, addresses: Iterable[str], wait_s: int) -> set[str]:
    argv = ["sh", "-c", _PING, str(wait_s), *addresses]
    return set(run(argv, timeout_s=wait_s + _ANSWER_S).stdout.decode().split())


def _result(run: Runs) -> bytes:
    """Return what cloud-init came to, nothing while it is under way."""
    try:
        return run(["cat", _RESULT], timeout_s=_ANSWER_S).stdout
    except SilentError:
        return b""
