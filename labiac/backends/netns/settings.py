"""The kernel's settings in a machine's namespace: who forwards, and that nobody chatters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labiac.backends import inside
from labiac.backends.netns import dump, kernel, wiring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labiac.backends.netns.netlink import Socket
    from labiac.plan.model import Machine

_FORWARD: Final = "net/ipv4/ip_forward"
_FORWARD_IPV6: Final = "net/ipv6/conf/all/forwarding"
_RP_FILTER: Final = "net/ipv4/conf/all/rp_filter"
_RP_FILTER_LATER: Final = "net/ipv4/conf/default/rp_filter"
_REDIRECTS: Final = "net/ipv4/conf/all/accept_redirects"
_ALWAYS: Final = {
    _RP_FILTER: "0",  # a ring's replies may take the other way round
    _RP_FILTER_LATER: "0",
    # Routes alone decide: a redirect would lead packets past the firewall that sends it. In IPv6
    # none is heeded: it comes from a link-local address, and next hops here have others.
    _REDIRECTS: "0",
    "net/ipv4/conf/default/accept_redirects": "0",
}
_ALL, _DEFAULT = -1, -2
_TOLD: Final = {_FORWARD: (_ALL, 2), _RP_FILTER: (_ALL, 3), _RP_FILTER_LATER: (_DEFAULT, 3)}
"""Those that rtnetlink tells, all in one go."""
_QUIET_IPV6: Final = {
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/autoconf": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/router_solicitations": "0",
}
_NO_IPV6: Final = {"net/ipv6/conf/default/disable_ipv6": "1"}
_WITH_IPV6: Final = {
    "net/ipv6/conf/default/disable_ipv6": "0",
    "net/ipv6/conf/all/disable_ipv6": "0",
}


def settle_new(machine: Machine, sock: Socket) -> None:
    """Set what *machine* wants otherwise than its new namespace, which the thread is in, has it.

    A new namespace takes its IPv4 settings from the host's. To ask is worth it: below /proc/sys
    each namespace has files of its own, and the more there are the longer one takes to open.
    """
    told = dump.netconf(sock)
    have = {key: str(told[link][kind]) for key, (link, kind) in _TOLD.items()}
    _set(have, wanted(machine))


def settle(was: Machine, now: Machine) -> None:
    """Set what differs between *was* and *now*, in the namespace that the thread is in."""
    have = wanted(was)
    del have[_REDIRECTS]  # Linux sets it anew when forwarding goes on or off
    _set(have, wanted(now))


def forwards(planned: Machine) -> bool:
    """Return whether the namespace that the thread is in forwards what *planned* would."""
    flags = {4: _FORWARD, 6: _FORWARD_IPV6}
    return inside.forwards(planned, lambda version: kernel.read_sysctl(flags[version]) == "1")


def wanted(machine: Machine) -> dict[str, str]:
    """Return the sysctls of the namespace of *machine*."""
    forward = str(int(machine.forwards))
    values = {_FORWARD: forward, **_ALWAYS}
    if wiring.uses_ipv6(machine):
        return {**values, **_QUIET_IPV6, **_WITH_IPV6, _FORWARD_IPV6: forward}
    return {**values, **_NO_IPV6}


def _set(have: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    for key, value in wanted.items():
        if have.get(key) != value:
            kernel.sysctl(key, value)
