"""The kernel's settings in a machine's namespace: who forwards, and that nobody chatters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labiac.backends.netns import kernel, wiring

if TYPE_CHECKING:
    from labiac.plan.model import Machine

# A new namespace takes its IPv4 settings from the host, so each is set, on or off.
_FORWARD: Final = "net/ipv4/ip_forward"
_FORWARD_IPV6: Final = "net/ipv6/conf/all/forwarding"
_ALWAYS: Final = {
    "net/ipv4/conf/all/rp_filter": "0",  # a ring's replies may take the other way round
    "net/ipv4/conf/default/rp_filter": "0",
}
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


def settle(was: Machine, now: Machine) -> None:
    """Set what differs between *was* and *now*, in the namespace that the thread is in."""
    before = wanted(was)
    for key, value in wanted(now).items():
        if before.get(key) != value:
            kernel.sysctl(key, value)


def forwards(planned: Machine) -> bool:
    """Return whether the namespace that the thread is in forwards what *planned* would."""
    ipv6 = wiring.uses_ipv6(planned)
    ipv4 = not ipv6 or any(":" not in address for address in wiring.addresses(planned))
    used = [flag for flag, is_used in ((_FORWARD, ipv4), (_FORWARD_IPV6, ipv6)) if is_used]
    on = [kernel.read_sysctl(flag) == "1" for flag in used]
    # Half of it is not what was planned, whichever half.
    return all(on) if planned.forwards else any(on)


def wanted(machine: Machine) -> dict[str, str]:
    """Return the sysctls of the namespace of *machine*."""
    forward = str(int(machine.forwards))
    values = {_FORWARD: forward, **_ALWAYS}
    if wiring.uses_ipv6(machine):
        return {**values, **_QUIET_IPV6, **_WITH_IPV6, _FORWARD_IPV6: forward}
    return {**values, **_NO_IPV6}
