"""Random labs, right and wrong, as a lab file says them: so that what fails can be read."""

from __future__ import annotations

import copy

from hypothesis import strategies as st

LANS = ("lan1", "lan2", "lan3", "lan4")
SUBNETS = (  # what a LAN says of its subnets, by its number
    {},
    {"ipv4": "10.0.{}.0/24", "ipv6": "fd00:0:0:{}::/64"},
    {"ipv6": "fd00:0:0:{}::/64"},
    {"ipv4": "10.0.{}.0/28", "ipv6": "2001:db8:0:{}::/64"},
    {"ipv4": "10.0.{}.0/29"},
    {"ipv4": "none"},
)
COMMON = (SUBNETS[0], SUBNETS[0], SUBNETS[1], SUBNETS[1], SUBNETS[3])
"""Those that most nodes can talk through."""
HOSTS = {  # by length of the subnet: numbers that nodes get by themselves, edges, and nobody's
    29: (1, 2, 3, 4, 6),
    28: (1, 2, 3, 7, 8, 11, 14),
    24: (1, 2, 3, 11, 14, 126, 127, 128, 254),
    64: (1, 2, 3, 11, 14),
}
MASKS = {4: (16, 24, 25, 28, 29, 30, 31, 32), 6: (48, 64, 126)}
"""Prefix lengths that a node may believe in instead."""
ANY = {4: "10.0.{}.{}", 6: "fd00:0:0:{}::{}"}
WIDE = {4: ("10.0.0.0/22", "10.0.2.0/23"), 6: ("fd00::/48", "2001:db8::/32")}


def rarely(strategy, otherwise=None):
    """Return *strategy* one time in four; shrinks to *otherwise*."""
    return st.integers(0, 3).flatmap(lambda n: strategy if n == 3 else st.just(otherwise))


def addresses(version):
    """Return addresses such as nodes have, whether one of them does or not."""
    numbers, hosts = st.integers(1, len(LANS)), st.sampled_from(HOSTS[24])
    known = st.builds(ANY[version].format, numbers, hosts)
    if version == 4:
        return known
    return known | st.builds("2001:db8:0:{}::{}".format, numbers, hosts)


def gateways():
    return st.just("none") | addresses(4) | addresses(6)


@st.composite
def routes(draw):
    version = draw(st.sampled_from([4, 6]))
    via = draw(addresses(version))
    one = draw(addresses(version))
    subnet = f"{one.rpartition('.')[0]}.0/24" if version == 4 else f"{one.rpartition(':')[0]}:/64"
    to = draw(st.sampled_from([subnet, "default", one, *WIDE[version]]))
    return {"to": to, "via": via}


class Writer:
    """Draws what a lab file says, so that few labs are refused for their numbers."""

    def __init__(self, draw, lan_types, *, tame=False):
        self.draw = draw
        self.tame = tame
        fewest, subnets = (2, COMMON) if tame else (1, SUBNETS)
        said = {
            lan: {key: said.format(number) for key, said in draw(st.sampled_from(subnets)).items()}
            for number, lan in enumerate(LANS[: draw(st.integers(fewest, len(LANS)))], start=1)
        }
        self.lans = {lan: said | draw(lan_types) for lan, said in said.items()}
        self.subnets = {lan: said[lan] or {"ipv4": f"10.0.{lan[3:]}.0/24"} for lan in said}
        self.domains = {lan: lan for lan in said}
        self.taken = set()

    def bridge(self):
        """Return a bridge between two LANs; None where that would be a loop. The second of the

        LANs has the subnets of the first, so it says nothing of them.
        """
        first, second = sorted(self.draw(st.permutations(sorted(self.lans)))[:2])
        one, other = self.domains[first], self.domains[second]
        if one == other:
            return None
        one, other = sorted((one, other))
        for lan in (lan for lan, domain in self.domains.items() if domain == other):
            self.domains[lan] = one
            self.subnets[lan] = self.subnets[one]
            self.lans[lan] = {k: v for k, v in self.lans[lan].items() if k not in {"ipv4", "ipv6"}}
        out = self.draw(rarely(rarely(st.just({"connected": False})), {}))
        return {"role": "bridge", "nics": [{"lan": first}, {"lan": second} | (out or {})]}

    def between(self):
        """Return what is wired as a middlebox between two LANs, or three."""
        lans = self.draw(st.permutations(sorted(self.lans)))[: self.draw(st.integers(2, 3))]
        return {"nics": [self.nic(lan) for lan in lans]}

    def address(self, lan):
        """Return an address of *lan*'s, maybe with a mask of its own; None where it can't be."""
        subnets = self.subnets[lan]
        key = self.draw(st.sampled_from(sorted(subnets)))
        start, _, length = subnets[key].partition("/")
        if not length:
            return None
        host = self.draw(st.sampled_from(HOSTS[int(length)]))
        text = f"{start}{host}" if key == "ipv6" else f"{start.rpartition('.')[0]}.{host}"
        if text in self.taken:
            return None
        self.taken.add(text)
        mask = self.draw(rarely(st.sampled_from(MASKS[int(key[-1])])))
        return key, f"{text}/{mask}" if mask else text

    def nic(self, lan=None):
        said = {"lan": lan or self.draw(st.sampled_from(sorted(self.lans)))}
        out = rarely(st.booleans())
        if self.draw(rarely(out) if self.tame else out):
            said["connected"] = False
        if self.draw(rarely(st.just("an address of its own"))):
            said.update([address] if (address := self.address(said["lan"])) else [])
        loose = None if lan else self.draw(rarely(rarely(st.just({"attach": "none"}))))
        return loose or said

    def node(self, most_nics, **ways):
        said = {"nics": [self.nic() for _ in range(self.draw(st.integers(1, most_nics)))]}
        return self.sent(said, **ways)

    def sent(self, said, **ways):
        """Return *said* with routes and the like, now and then."""
        drawn = {key: self.draw(rarely(values)) for key, values in ways.items()}
        return said | {key: value for key, value in drawn.items() if value}


HOST_LANS = st.sampled_from(
    [
        {"type": "host", "host": {"router": True}},
        {"type": "host"},
        {},
    ]
)
"""LANs of which the host is the router, is in, or knows nothing."""
INTERNAL = st.just({})
ROLES = ("firewall", "nat", "bridge")


def places(lans, nodes):
    """Return what a rule says of where packets come from, or go to."""
    named = st.sampled_from([*lans, *nodes])
    subnets = st.sampled_from(["10.0.0.0/15", "10.0.2.0/23", "fd00:0:0:2::/63", "::/0"])
    one = named | named | addresses(4) | addresses(6) | subnets
    return one | st.lists(one, min_size=1, max_size=3)


@st.composite
def rules(draw, lans, nodes):
    verb = draw(st.sampled_from(["allow", "allow", "deny", "reject"]))
    traffic = draw(st.sampled_from(["any", "icmp", "icmp", "tcp"]))
    ends = {key: draw(rarely(places(lans, nodes))) for key in ("from", "to")}
    if traffic == "tcp" and draw(st.booleans()):
        ends["ports"] = draw(st.sampled_from([80, "79-81", [22, 8080]]))
    return {verb: traffic} | {key: said for key, said in ends.items() if said}


@st.composite
def labs(draw, lan_types=INTERNAL, roles=()):
    """Return the content of a lab file. A few have numbers that do not go together.

    Args:
        draw: Of Hypothesis.
        lan_types: What a LAN may say beside its subnets.
        roles: Of the middleboxes that it may have.
    """
    lab = Writer(draw, lan_types, tame=bool(roles))  # or hardly a packet comes to a middlebox
    own = {"gateway": gateways(), "routes": st.lists(routes(), max_size=3)}
    own = {key: rarely(values) for key, values in own.items()} if roles else own
    kinds = draw(st.lists(st.sampled_from(roles), min_size=1, max_size=3)) if roles else []
    bridges = {f"b{n}": lab.bridge() for n, kind in enumerate(kinds, start=1) if kind == "bridge"}
    boxes = {f"{kind[0]}{n}": kind for n, kind in enumerate(kinds, start=1) if kind != "bridge"}
    routers = [
        f"r{n}" for n in range(1, draw(st.sampled_from((0, 0, 1, 2) if roles else range(5))) + 1)
    ]
    pcs = [f"pc{n}" for n in range(1, draw(st.integers(*((2, 5) if roles else (1, 6)))) + 1)]
    named = [*routers, *pcs, *boxes]
    middleboxes = {name: said for name, said in bridges.items() if said}
    middleboxes |= {name: _middlebox(lab, kind, named, own) for name, kind in boxes.items()}
    ways = own | {"routing": rarely(st.just("none")) if roles else st.just("none")}
    return {
        "name": "differential",
        "lans": lab.lans,
        "routers": {name: lab.node(3, **ways) for name in routers},
        **({"middleboxes": middleboxes} if middleboxes else {}),
        "pcs": {name: lab.node(2, **own) for name in pcs},
    }


def _middlebox(lab, kind, nodes, own):
    said = {"role": kind} | lab.sent(lab.between(), routing=rarely(st.just("none")), **own)
    if kind == "nat":
        return said | {"outside": said["nics"][0]["lan"]}
    policy = lab.draw(st.sampled_from(["drop", "accept", "reject"]))
    drawn = lab.draw(st.lists(rules(sorted(lab.lans), nodes), max_size=4))
    return said | {"policy": policy, "rules": drawn}


@st.composite
def redirected(draw, lab):
    """Return *lab* where ports of its NATs lead to nodes."""
    nodes = [*lab["routers"], *lab["pcs"], *lab.get("middleboxes", {})]
    said = copy.deepcopy(lab)
    for box in said.get("middleboxes", {}).values():
        if box["role"] == "nat":
            inside = st.fixed_dictionaries(
                {"port": st.just(8080), "to": st.sampled_from(nodes)},
                optional={"to_port": st.just(80)},
            )
            box["forwards"] = draw(st.lists(inside, max_size=1))
    return said
