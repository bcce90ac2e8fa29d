"""What this kernel can do, tried out in a namespace that nobody else sees and that dies at once."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from labiac.backends.netns import dump, kernel, mirror, netlink, rules, shape
from labiac.backends.netns.enter import traveller
from labiac.plan.model import Impairments, SubInterface

if TYPE_CHECKING:
    from labiac.backends.netns.netlink import Message, Socket

NEEDED: Final = {
    "bridge": "bridges (CONFIG_BRIDGE)",
    "veth": "veth pairs (CONFIG_VETH)",
    "macvlan": "macvlan (CONFIG_MACVLAN)",
    "vlan": "802.1Q interfaces (CONFIG_VLAN_8021Q)",
    "filtering": "VLAN filtering on bridges (CONFIG_BRIDGE_VLAN_FILTERING)",
    "tbf": "token bucket (CONFIG_NET_SCH_TBF)",
    "netem": "netem (CONFIG_NET_SCH_NETEM)",
    "mirror": "mirrored ports (CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_U32, CONFIG_NET_ACT_MIRRED)",
    "firewall": "stateful nftables (CONFIG_NF_TABLES_INET, CONFIG_NFT_CT, CONFIG_NFT_REJECT)",
    "nat": "nftables with NAT (CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT, CONFIG_NFT_MASQ)",
}
"""Each feature, as a person looks for it in a kernel's configuration."""

_RULES: Final = {
    "firewall": (
        "add table inet t",
        "add chain inet t c { type filter hook forward priority 0; }",
        "add rule inet t c ct state invalid drop",
        "add rule inet t c meta l4proto tcp reject with tcp reset",
        "add rule inet t c reject with icmpx admin-prohibited",
    ),
    "nat": (
        "add table inet t",
        "add chain inet t in { type nat hook prerouting priority -100; }",
        "add chain inet t out { type nat hook postrouting priority 100; }",
        "add rule inet t in ip daddr 192.0.2.1 meta l4proto tcp th dport 1 dnat ip to 192.0.2.2:1",
        "add rule inet t out masquerade",
    ),
}
"""What each feature of nftables is tried out with."""

_LOWER: Final = 100
_FILTERING: Final = 7  # IFLA_BR_VLAN_FILTERING


@cache
def has(feature: str) -> bool:
    """Return whether the kernel has *feature*, one of `NEEDED`.

    Raises:
        OSError: this process may not make a network namespace.
    """
    with traveller():
        kernel.unshare(kernel.NEW_NET)
        if feature in _RULES:
            return rules.accepted("\n".join(_RULES[feature]))
        with netlink.Socket() as sock:
            if feature == "bridge":
                return not sock.send([netlink.new_link("b", "bridge")])
            if feature == "filtering":
                return _filters(sock)
            sock.send([netlink.new_link("v", "veth", index=_LOWER)])
            if feature == "mirror":
                sock.send([netlink.new_link("b", "bridge", index=_LOWER + 1)])
                return not sock.send(mirror.mirrored(_LOWER, _LOWER + 1, new=True))
            return not sock.send([_trial(feature)])


def _filters(sock: Socket) -> bool:
    """Return whether a bridge has the switch at all: without the feature it is ignored."""
    sock.send([netlink.new_link("b", "bridge", data=netlink.attribute(_FILTERING, b"\1"))])
    link = dump.links(sock).get("b")
    return link is not None and link.data.get(_FILTERING) == b"\1"


def _trial(feature: str) -> Message:
    if feature == "macvlan":
        mode = netlink.number(1, 4)
        return netlink.new_link("m", "macvlan", netlink.number(5, _LOWER), data=mode, up=False)
    if feature == "vlan":
        return shape.sub_interface(SubInterface("v.10", "", 10, ()), _LOWER, _LOWER + 1)
    if feature in {"tbf", "netem"}:
        delay = 1.0 if feature == "netem" else 0.0
        return shape.impair(_LOWER, Impairments(delay, 0.0, 0.0, 1000), "v")[0]
    return netlink.new_link("w", "veth")
