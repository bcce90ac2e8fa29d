"""Random labs, right and wrong, as a lab file says them: so that what fails can be read."""

from __future__ import annotations

from hypothesis import strategies as st

LANS = ("lan1", "lan2", "lan3")
SUBNETS = (  # what a LAN says of its subnets, by its number
    {},
    {"ipv4": "10.0.{}.0/24", "ipv6": "fd00:0:0:{}::/64"},
    {"ipv6": "fd00:0:0:{}::/64"},
    {"ipv4": "10.0.{}.0/28", "ipv6": "2001:db8:0:{}::/64"},
    {"ipv4": "10.0.{}.0/29"},
    {"ipv4": "none"},
)
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

    def __init__(self, draw, lan_types):
        self.draw = draw
        self.subnets = {
            lan: {key: said.format(number) for key, said in draw(st.sampled_from(SUBNETS)).items()}
            for number, lan in enumerate(LANS[: draw(st.integers(1, len(LANS)))], start=1)
        }
        self.lans = {lan: said | draw(lan_types) for lan, said in self.subnets.items()}
        self.taken = set()

    def address(self, lan):
        """Return an address of *lan*'s, maybe with a mask of its own; None where it can't be."""
        subnets = self.subnets[lan] or {"ipv4": f"10.0.{lan[3:]}.0/24"}
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

    def nic(self):
        lan = self.draw(st.sampled_from(sorted(self.lans)))
        said = {"lan": lan}
        if self.draw(rarely(st.booleans())):
            said["connected"] = False
        if self.draw(rarely(st.just("an address of its own"))):
            said.update([address] if (address := self.address(lan)) else [])
        return self.draw(rarely(rarely(st.just({"attach": "none"})))) or said

    def node(self, most_nics, **ways):
        said = {"nics": [self.nic() for _ in range(self.draw(st.integers(1, most_nics)))]}
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


@st.composite
def labs(draw, lan_types=INTERNAL):
    """Return the content of a lab file. A few have numbers that do not go together."""
    lab = Writer(draw, lan_types)
    own = {"gateway": gateways(), "routes": st.lists(routes(), max_size=3)}
    routers = draw(st.integers(0, 4))
    pcs = draw(st.integers(1, 6))
    return {
        "name": "differential",
        "lans": lab.lans,
        "routers": {
            f"r{n}": lab.node(3, routing=st.just("none"), **own) for n in range(1, routers + 1)
        },
        "pcs": {f"pc{n}": lab.node(2, **own) for n in range(1, pcs + 1)},
    }
