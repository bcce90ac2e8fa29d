"""Labs that tell Linux from what one might think of it; each was wrong once, or easily is."""

from __future__ import annotations

DUAL = {"ipv4": "10.0.1.0/24", "ipv6": "fd00:0:0:1::/64"}
PLAIN = {"ipv4": "none"}


def lab(lans, pcs, **routers):
    return {"name": "differential", "lans": lans, "routers": routers, "pcs": pcs}


def wired(*lans, **more):
    return {"lans": list(lans), **more}


def with_boxes(lans, pcs, routers=None, **boxes):
    return lab(lans, pcs, **(routers or {})) | {"middleboxes": boxes}


def firewall(*lans, rules=(), policy="drop", **more):
    return wired(*lans, role="firewall", rules=list(rules), policy=policy, **more)


def nat(*lans, **more):
    """Return a NAT whose outside is the first of *lans*."""
    return wired(*lans, role="nat", outside=lans[0], **more)


def bridge(*nics):
    return {"role": "bridge", "nics": [{"lan": n} if isinstance(n, str) else n for n in nics]}


TWO = {"lan1": DUAL, "lan2": {"ipv4": "10.0.2.0/24", "ipv6": "fd00:0:0:2::/64"}}
THREE = TWO | {"lan3": {"ipv4": "10.0.3.0/24", "ipv6": "fd00:0:0:3::/64"}}
ENDS = {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}}
ICMP = {"allow": "icmp"}

KNOWN = {
    "an answer to what a wrong mask takes for a broadcast address arrives": lab(
        {"lan1": {}},
        {
            "pc1": {"lan": "lan1", "ipv4": "10.0.1.20/25"},
            "pc2": {"lan": "lan1", "ipv4": "10.0.1.127"},
            "pc3": {"lan": "lan1", "ipv4": "10.0.1.200"},
        },
        r1=wired("lan1"),
    ),
    "an own address is lost that is the broadcast address of an own subnet before it": lab(
        {"lan1": {}},
        {
            "pc1": {"lan": "lan1", "ipv4": ["10.0.1.3/25", "10.0.1.127"]},
            "pc2": {"lan": "lan1", "ipv4": ["10.0.1.63", "10.0.1.4/26"]},
            "pc3": {
                "nics": [
                    {"lan": "lan1", "ipv4": "10.0.1.5/28"},
                    {"lan": "lan1", "ipv4": "10.0.1.15"},
                ]
            },
            "pc4": {"lan": "lan1"},
        },
    ),
    "an own address as gateway means the link, in IPv4 alone": lab(
        {"lan1": PLAIN},
        {
            f"pc{n}": {
                "nics": [{"lan": "lan1", "ipv4": f"10.0.{n}.1/24", "ipv6": f"fd00:0:0:{n}::1/64"}],
                "routes": [
                    {"to": "10.0.0.0/22", "via": f"10.0.{n}.1"},
                    {"to": "fd00::/48", "via": f"fd00:0:0:{n}::1"},
                ],
            }
            for n in (1, 2)
        },
    ),
    "of several IPv6 addresses the nearest is sent from": lab(
        {"lan1": PLAIN},
        {
            "pc1": {
                "lan": "lan1",
                "ipv6": ["2001:db8::7/64", "fd00:0:0:1::7/64", "fd00:0:0:2::7/64"],
            },
            "pc2": {"lan": "lan1", "ipv6": "fd00:0:0:2::9/48"},
            "pc3": {"lan": "lan1", "ipv6": "fd00:0:0:2::5/64", "gateway": "none"},
        },
    ),
    "of several IPv4 addresses the one in the gateway's subnet is sent from": lab(
        {"lan1": PLAIN, "lan2": {}},
        {
            "pc1": {"lan": "lan1", "ipv4": ["10.7.0.1/24", "10.8.0.1/24"], "gateway": "10.8.0.9"},
            "pc2": {"lan": "lan2"},
        },
        r1={"nics": [{"lan": "lan1", "ipv4": "10.8.0.9/24"}, {"lan": "lan2"}]},
    ),
    "a connected subnet beats a route to the same prefix": lab(
        {"lan1": DUAL},
        {
            "pc1": {
                "lan": "lan1",
                "routes": [
                    {"to": "10.0.1.0/24", "via": "10.0.1.99"},
                    {"to": "fd00:0:0:1::/64", "via": "fd00:0:0:1::99"},
                ],
            },
            "pc2": {"lan": "lan1"},
        },
    ),
    "a node answers for the address of its other interface, in IPv4 alone": lab(
        {"lan1": DUAL, "lan2": {"ipv4": "10.0.2.0/24", "ipv6": "fd00:0:0:2::/64"}},
        {
            "pc1": {"lan": "lan1", "ipv4": "10.0.1.11/16", "ipv6": "fd00:0:0:1::11/48"},
            "pc2": wired("lan1", "lan2"),
        },
    ),
    "of two interfaces in a LAN the first is used, though its cable is out": lab(
        {"lan1": DUAL},
        {
            "pc1": {"nics": [{"lan": "lan1", "connected": False}, {"lan": "lan1"}]},
            "pc2": {"nics": [{"lan": "lan1"}, {"lan": "lan1", "connected": False}]},
            "pc3": {"lan": "lan1"},
        },
        r1={"nics": [{"lan": "lan1", "connected": False}, {"lan": "lan1"}]},
    ),
    "a subnet whose cable is out is not looked for by the gateway": lab(
        {"lan1": DUAL, "lan2": {"ipv4": "10.0.2.0/24", "ipv6": "fd00:0:0:2::/64"}},
        {
            "pc1": {"nics": [{"lan": "lan2", "connected": False}, {"lan": "lan1"}]},
            "pc2": {"lan": "lan2"},
        },
        r1=wired("lan1", "lan2"),
    ),
    "two routers that send each other the same packet keep it": lab(
        {"lan1": {}, "lan2": {}},
        {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2", "ipv4": "10.0.2.14"}},
        r1=wired("lan1", "lan2", routes=[{"to": "10.0.2.14/32", "via": "10.0.1.2"}]),
        r2=wired("lan1", routing="none", routes=[{"to": "default", "via": "10.0.1.1"}]),
    ),
    "a next hop with a route of its own is no next hop, in IPv6 alone": lab(
        {"lan1": DUAL, "lan2": {"ipv4": "10.0.2.0/24", "ipv6": "fd00:0:0:2::/64"}},
        {
            "pc1": {
                "lan": "lan1",
                "gateway": "none",
                "routes": [
                    {"to": "10.0.1.1/32", "via": "10.0.1.2"},
                    {"to": "10.0.2.0/24", "via": "10.0.1.1"},
                    {"to": "fd00:0:0:1::1/128", "via": "fd00:0:0:1::2"},
                    {"to": "fd00:0:0:2::/64", "via": "fd00:0:0:1::1"},
                ],
            },
            "pc2": {"lan": "lan2"},
        },
        r1=wired("lan1", "lan2"),
        r2=wired("lan1"),
    ),
    "a silent next hop is passed over, in IPv6 and by who does not forward": lab(
        {"lan1": DUAL, "lan2": {"ipv4": "10.0.2.0/24", "ipv6": "fd00:0:0:2::/64"}},
        {
            "pc1": {
                "lan": "lan1",
                "routes": [
                    {"to": "10.0.2.0/24", "via": "10.0.1.99"},
                    {"to": "fd00:0:0:2::/64", "via": "fd00:0:0:1::99"},
                ],
            },
            "pc2": {"lan": "lan2"},
            "pc3": {
                "lan": "lan1",
                "routes": [{"to": "fd00:0:0:1::11/128", "via": "fd00:0:0:1::99"}],
            },
        },
        r1=wired("lan1", "lan2"),
        r2=wired("lan1", routes=[{"to": "fd00:0:0:2::12/128", "via": "fd00:0:0:1::99"}]),
    ),
    "a PC that is somebody's gateway forwards nothing, and answers": lab(
        {"lan1": DUAL, "lan2": {"ipv4": "10.0.2.0/24", "ipv6": "fd00:0:0:2::/64"}},
        {
            "pc1": {
                "lan": "lan1",
                "routes": [
                    {"to": "default", "via": "10.0.1.12"},
                    {"to": "default", "via": "fd00:0:0:1::12"},
                ],
            },
            "pc2": wired("lan1", "lan2"),
            "pc3": {"lan": "lan2"},
        },
    ),
    "a PC that is somebody's gateway is not like its neighbours": lab(
        {"lan1": {}, "lan2": {}},
        {f"pc{n}": {"lan": "lan1", "gateway": "10.0.1.13"} for n in range(1, 5)}
        | {"pc5": {"lan": "lan2"}},
        r1=wired("lan1", "lan2"),
    ),
    "the same subnet on two LANs is two subnets": lab(
        {"lan1": PLAIN, "lan2": PLAIN},
        {
            f"pc{n}": {"lan": lan, "ipv4": f"10.9.0.{n}/24"}
            for n, lan in enumerate(("lan1", "lan1", "lan2", "lan2"), start=1)
        },
    ),
    "sixty-three routers are as far as a packet comes": lab(
        {f"lan{n}": {} for n in range(1, 66)},
        {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan64"}, "pc3": {"lan": "lan65"}},
        **{f"r{n}": wired(f"lan{n}", f"lan{n + 1}") for n in range(1, 65)},
    ),
    "the host routes the LANs that it is the router of, and no other": lab(
        {
            "lan1": DUAL | {"type": "host", "host": {"router": True}},
            "lan2": {"ipv4": "10.0.2.0/24", "ipv6": "fd00:0:0:2::/64"}
            | {"type": "host", "host": {"router": True}},
            "lan3": {"ipv4": "10.0.3.0/24", "ipv6": "fd00:0:0:3::/64", "type": "host"},
            "lan4": {"ipv4": "10.0.4.0/24", "ipv6": "fd00:0:0:4::/64"},
        },
        {
            "pc1": {"lan": "lan1"},
            "pc2": {"lan": "lan2"},
            "pc3": {"lan": "lan3", "gateway": "10.0.3.1"},
            "pc4": {"lan": "lan4"},
        },
        r1=wired("lan2", "lan4"),
    ),
    "a firewall leads nobody past itself by a redirect": with_boxes(
        {"lan2": {}, "lan3": {}},
        {"pc1": {"lan": "lan3"}},
        f1=firewall("lan3"),
        f2=firewall("lan3", "lan2"),
    ),
    "an answer whose question took another way is dropped by a firewall": with_boxes(
        TWO,
        {
            "pc1": {"lan": "lan1", "gateway": "r1"},
            "pc2": {"lan": "lan2", "gateway": "f1"},
        },
        routers={"r1": wired("lan1", "lan2")},
        f1=firewall("lan1", "lan2", policy="accept"),
    ),
    "a firewall lets an answer pass that its rules would drop": with_boxes(
        TWO,
        ENDS,
        f1=firewall("lan1", "lan2", rules=[{"deny": "any", "to": "lan1"}, ICMP]),
    ),
    "a rule about one IP version says nothing of the other": with_boxes(
        TWO,
        ENDS,
        f1=firewall("lan1", "lan2", rules=[{"reject": "any", "to": "10.0.2.0/24"}, ICMP]),
    ),
    "a firewall's own addresses, on either side, answer whatever it drops": with_boxes(
        THREE, ENDS, f1=firewall("lan1", "lan2", "lan3")
    ),
    "a firewall behind a NAT sees addresses that one beyond it does not": with_boxes(
        THREE | {"lan4": {"ipv4": "10.0.4.0/24", "ipv6": "fd00:0:0:4::/64"}},
        {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan1"}, "pc4": {"lan": "lan4"}},
        f1=firewall("lan1", "lan2", rules=[{"deny": "icmp", "from": "pc2"}, ICMP]),
        n1=nat("lan3", "lan2"),
        f2=firewall("lan3", "lan4", rules=[{"deny": "icmp", "from": ["pc1", "pc2"]}, ICMP]),
    ),
    "NATs nest, and nobody gets in who has no route": with_boxes(
        THREE,
        {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}, "pc3": {"lan": "lan3"}},
        n1=nat("lan2", "lan1"),
        n2=nat("lan3", "lan2"),
    ),
    "who has a route to what a NAT hides gets in, and is answered": with_boxes(
        TWO,
        {
            "pc1": {"lan": "lan1"},
            "pc2": {
                "lan": "lan2",
                "routes": [
                    {"to": "10.0.1.0/24", "via": "n1"},
                    {"to": "fd00:0:0:1::/64", "via": "n1"},
                ],
            },
        },
        n1=nat("lan2", "lan1"),
    ),
    "a NAT hides who is outside too, if it is their gateway": with_boxes(
        THREE,
        {"pc1": {"lan": "lan1", "gateway": "n1"}, "pc3": {"lan": "lan3"}},
        routers={"r1": wired("lan1", "lan3")},
        n1=nat("lan1", "lan2"),
    ),
    "an answer whose question went around a NAT keeps its address": with_boxes(
        TWO,
        {"pc1": {"lan": "lan1", "gateway": "n1"}, "pc2": {"lan": "lan2", "gateway": "r1"}},
        routers={"r1": wired("lan2", "lan1")},
        n1=nat("lan2", "lan1"),
    ),
    "of several addresses outside, a NAT takes the one in the next hop's subnet": with_boxes(
        {"lan1": {}, "lan2": PLAIN, "lan3": {}},
        {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2", "ipv4": "10.8.0.12/24"}},
        routers={"r1": {"nics": [{"lan": "lan2", "ipv4": "10.8.0.1/24"}, {"lan": "lan3"}]}},
        n1={
            "role": "nat",
            "outside": "lan2",
            "nics": [{"lan": "lan2", "ipv4": ["10.7.0.2/24", "10.8.0.2/24"]}, {"lan": "lan1"}],
            "routes": [{"to": "10.0.3.0/24", "via": "10.8.0.1"}],
        },
    ),
    "bridges make one LAN of several, and a cable that is out parts it": with_boxes(
        {"lan1": {}, "lan2": {}, "lan3": {}, "lan4": {}},
        {f"pc{n}": {"lan": f"lan{n}"} for n in range(1, 5)},
        b1=bridge("lan1", "lan2", "lan3"),
        b2=bridge("lan3", {"lan": "lan4", "connected": False}),
    ),
    "a gateway behind a bridge is a gateway": with_boxes(
        {"lan1": {}, "lan2": {}, "lan3": {}},
        {"pc1": {"lan": "lan1"}, "pc3": {"lan": "lan3"}},
        routers={"r1": wired("lan2", "lan3")},
        b1=bridge("lan1", "lan2"),
    ),
    "of two interfaces in bridged LANs either answers, in IPv4 alone": with_boxes(
        {"lan1": DUAL, "lan2": {}, "lan3": {"ipv4": "10.0.3.0/24", "ipv6": "fd00:0:0:3::/64"}},
        {
            "pc1": {"lan": "lan1"},
            "pc2": wired("lan3", "lan2"),
            "pc3": {"nics": [{"lan": "lan1"}, {"lan": "lan2"}]},
            "pc4": {"nics": [{"lan": "lan1", "connected": False}, {"lan": "lan2"}]},
        },
        b1=bridge("lan1", "lan2"),
    ),
    "a packet from a node's own address is dropped by that node, in IPv4 alone": lab(
        {"lan1": PLAIN, "lan2": PLAIN, "lan3": PLAIN},
        {
            "pc1": {"nics": [{"lan": "lan1", "ipv4": "10.9.1.7/24", "ipv6": "fd00:0:0:9::7/64"}]}
            | {"gateway": "r1"},
            "pc2": {
                "nics": [
                    {"lan": "lan2", "ipv4": "10.9.2.8/24", "ipv6": "fd00:0:0:a::8/64"},
                    {"lan": "lan3", "ipv4": "10.9.1.7/32", "ipv6": "fd00:0:0:9::7/128"},
                ],
                "gateway": "r1",
            },
        },
        r1={
            "nics": [
                {"lan": "lan1", "ipv4": "10.9.1.1/24", "ipv6": "fd00:0:0:9::1/64"},
                {"lan": "lan2", "ipv4": "10.9.2.1/24", "ipv6": "fd00:0:0:a::1/64"},
            ]
        },
    ),
}

DOOR = {"forwards": [{"port": 8080, "to": "pc1", "to_port": 80}]}

CONNECTED = {
    "a port of a NAT's outside leads inside": with_boxes(TWO, ENDS, n1=nat("lan2", "lan1", **DOOR)),
    "from inside, a redirect is answered by who was not asked": with_boxes(
        TWO, ENDS | {"pc3": {"lan": "lan1"}}, n1=nat("lan2", "lan1", **DOOR)
    ),
    "a firewall behind a redirect sees the node inside, and its port": with_boxes(
        THREE,
        {"pc1": {"lan": "lan1"}, "pc3": {"lan": "lan3"}},
        f1=firewall("lan1", "lan2", rules=[{"allow": "tcp", "ports": 80, "to": "pc1"}]),
        n1=nat("lan3", "lan2", **DOOR),
    ),
    "a redirect may lead to another address of the NAT itself": with_boxes(
        TWO, ENDS, n1=nat("lan2", "lan1", forwards=[{"port": 8080, "to": "n1"}])
    ),
    "TCP answers by the first of two interfaces in a LAN, a ping by the one it came in by": lab(
        {"lan1": DUAL},
        {
            "pc1": {"lan": "lan1"},
            "pc2": {"nics": [{"lan": "lan1", "connected": False}, {"lan": "lan1"}]},
        },
    ),
    "an answer to what a wrong mask takes for a broadcast address is no connection": lab(
        {"lan1": {}},
        {
            "pc1": {"lan": "lan1", "ipv4": "10.0.1.20/25"},
            "pc2": {"lan": "lan1", "ipv4": "10.0.1.127"},
        },
    ),
    "a redirect leads on to the next": with_boxes(
        THREE,
        {"pc1": {"lan": "lan1"}, "pc3": {"lan": "lan3"}},
        n1=nat("lan2", "lan1", **DOOR),
        n2=nat("lan3", "lan2", forwards=[{"port": 8080, "to": "n1"}]),
    ),
    "a rule about ports is about those, and a reset is no connection": with_boxes(
        TWO,
        ENDS,
        f1=firewall("lan1", "lan2", rules=[{"reject": "tcp", "ports": "79-81"}, {"allow": "tcp"}]),
    ),
    "a handshake needs its answer by the same firewall": with_boxes(
        TWO,
        {"pc1": {"lan": "lan1", "gateway": "r1"}, "pc2": {"lan": "lan2", "gateway": "f1"}},
        routers={"r1": wired("lan1", "lan2")},
        f1=firewall("lan1", "lan2", policy="accept"),
    ),
}
