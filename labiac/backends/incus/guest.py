"""The inside of a container: wait until it is ready, look at it, and mend what differs."""

from __future__ import annotations

import json
from textwrap import indent
from typing import TYPE_CHECKING, Final

from labiac.backends.guest import script, seen, steps
from labiac.backends.incus.api import RefusedError
from labiac.backends.incus.command import execute
from labiac.errors import BackendError
from labiac.plan.nftables import ruleset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.backends.base import Watch
    from labiac.backends.incus.names import Place
    from labiac.plan.model import Machine

_RESULT: Final = "/run/cloud-init/result.json"
_READY: Final = """
busy() {
  ip -o -6 address show tentative -dadfailed | while read -r _ link _; do
    [ "$(cat "/sys/class/net/$link/carrier" 2>/dev/null)" != 1 ] || echo "$link"
  done
  networkctl --no-legend --no-pager | grep -v no-carrier | grep -E 'configuring|pending'
}
n=0
until { [ -s "$0" ] && [ -z "$(busy)" ]; } || [ "$n" = 50 ]; do
  sleep 0.1
  n=$((n+1))
done
cat "$0"
"""
"""Waits a while, for networkd and for addresses of IPv6 too, and tells what became of cloud-init.

What has its cable out will never be ready, and nothing waits for it.
"""
_NETPLAN: Final = "/etc/netplan/50-cloud-init.yaml"
_LIMIT_S: Final = 300
_ROUND_S: Final = 5
_ANSWER_S: Final = 60


def wait(place: Place, name: str, watch: Watch) -> None:
    """Wait until the container's seed is applied.

    Raises:
        BackendError: cloud-init failed, it takes too long, or *watch* is cancelled.
    """
    for round_ in range(_LIMIT_S // _ROUND_S):
        ran = execute(place, ["sh", "-c", _READY, _RESULT], timeout_s=_ANSWER_S)
        if ran.status == 0 and ran.stdout:
            errors = json.loads(ran.stdout)["v1"].get("errors", [])
            if errors:
                fix = "labiac exec FILE NODE -- cat /var/log/cloud-init-output.log"
                detail = "\n".join(map(str, errors))
                raise BackendError(f"incus {place}", "cloud-init failed", detail=detail, fix=fix)
            return
        watch.say(f"{name}: cloud-init, {_ROUND_S * round_} s")
        if watch.cancelled.is_set():
            problem, fix = "nobody waited until it was ready", "labiac up goes on waiting"
            raise BackendError(f"incus {place}", problem, fix=fix)
    problem = f"cloud-init has not finished after {_LIMIT_S} s"
    raise BackendError(f"incus {place}", problem, fix="labiac up goes on waiting")


def look(place: Place, planned: Machine) -> Machine | None:
    """Return *planned* as the container has it inside, or None when it does not answer."""
    argv = ["sh", "-c", script(planned)]
    try:
        ran = execute(place, argv, timeout_s=_ANSWER_S, text=ruleset(planned))
    except RefusedError:  # it went off meanwhile
        return None
    return seen(planned, ran.stdout.decode(errors="replace")) if ran.stdout else None


def mend(place: Place, was: Machine, now: Machine) -> None:
    """Make the container, which is *was* inside, what *now* says, while it runs."""
    for argv, data in steps(was, now):
        execute(place, argv, timeout_s=_ANSWER_S, text=data.decode())


def tell(place: Place, was: Machine, now: Machine) -> None:
    """Have networkd know the NICs of *now*, before they come."""
    if network(was) == network(now):
        return
    for argv, text in _told(was, now):
        execute(place, argv, timeout_s=_ANSWER_S, text=text)


def network(machine: Machine) -> str:
    """Return what the seed of *machine* says of its network."""
    return next((file.text for file in machine.seed if file.name == "network-config"), "")


def _told(was: Machine, now: Machine) -> Iterator[tuple[list[str], str]]:
    text = f"network:\n{indent(network(now), '  ')}"
    yield ["install", "-m", "600", "/dev/stdin", _NETPLAN], text
    kept = {(sub.name, sub.id) for nic in now.nics for sub in nic.trunk}
    for nic in () if was.switch else was.nics:
        for sub in nic.trunk:
            if (sub.name, sub.id) not in kept:
                yield ["ip", "link", "delete", sub.name], ""  # networkd leaves it there
    yield ["netplan", "generate"], ""
    yield ["networkctl", "reload"], ""
