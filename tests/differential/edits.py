"""Random edits of a lab, as a person makes them in its file: one version and the next."""

from __future__ import annotations

import copy
from itertools import pairwise

from hypothesis import strategies as st

from .labs import ROLES, addresses, gateways, labs, routes

NEW_LAN = "lan5"
SECTIONS = ("routers", "middleboxes", "pcs")


@st.composite
def _working(draw):
    """Return a lab in which all reach each other, maybe by two ways: there is much to disturb."""
    lans = [f"lan{n}" for n in range(1, draw(st.integers(2, 4)) + 1)]
    more = draw(st.sampled_from([{}, {"pool": {"ipv6": "fd00::/48"}}]))
    joined = list(pairwise(lans)) + draw(st.sampled_from([[], [(lans[-1], lans[0])]]))
    pcs = draw(st.lists(st.sampled_from(lans), min_size=2, max_size=6))
    return {
        "name": "differential",
        **more,
        "lans": {lan: {} for lan in lans},
        "routers": {
            f"r{n}": {"nics": [{"lan": lan} for lan in both]} for n, both in enumerate(joined, 1)
        },
        "pcs": {f"pc{n}": {"nics": [{"lan": lan}]} for n, lan in enumerate(pcs, 1)},
    }


@st.composite
def versions(draw, *, most=4):
    """Return two versions of a lab that differ by up to *most* edits."""
    old = draw(st.one_of(_working(), _working(), labs(), labs(roles=ROLES)))
    new = copy.deepcopy(old)
    for _ in range(draw(st.integers(1, most))):
        draw(st.sampled_from(EDITS))(draw, new)
    return old, new


def _add_node(draw, lab):
    role, prefix = draw(st.sampled_from([("pcs", "pc"), ("routers", "r")]))
    free = next(n for n in range(1, 20) if f"{prefix}{n}" not in lab[role])
    lab[role][f"{prefix}{free}"] = {"nics": [{"lan": draw(st.sampled_from(_lans(lab)))}]}


def _remove_node(draw, lab):
    role, name = _some_node(draw, lab)
    if role != "pcs" or len(lab[role]) > 1:
        del lab[role][name]


def _rename_node(draw, lab):
    """Rename a node so that its number, and with it its addresses, stay."""
    role, name = _some_node(draw, lab)
    number = "".join(filter(str.isdigit, name))
    lab[role] = {(f"x{number}" if key == name else key): said for key, said in lab[role].items()}


def _add_lan(draw, lab):
    lab["lans"].setdefault(NEW_LAN, {})
    nic = {"lan": NEW_LAN}
    _, said = _some(draw, lab)
    said["nics"].append(nic)


def _remove_lan(draw, lab):
    lan = draw(st.sampled_from(_lans(lab)))
    if len(lab["lans"]) > 1:
        del lab["lans"][lan]
        for _, said in _nodes(lab):
            said["nics"] = [nic for nic in said["nics"] if nic.get("lan") != lan]


def _rename_lan(draw, lab):
    lan = draw(st.sampled_from(_lans(lab)))
    new = lan.replace("lan", "net")
    lab["lans"] = {(new if key == lan else key): said for key, said in lab["lans"].items()}
    for _, said in _nodes(lab):
        for nic in said["nics"]:
            if nic.get("lan") == lan:
                nic["lan"] = new


def _renumber_lan(draw, lab):
    lan = draw(st.sampled_from(_lans(lab)))
    lab["lans"][lan] = {"ipv4": f"10.0.{draw(st.integers(5, 6))}.0/24"}


def _add_nic(draw, lab):
    _some(draw, lab)[1]["nics"].append({"lan": draw(st.sampled_from(_lans(lab)))})


def _remove_nic(draw, lab):
    nics = _some(draw, lab)[1]["nics"]
    if nics:
        nics.pop(draw(st.integers(0, len(nics) - 1)))


def _recable(draw, lab):
    if nic := _some_nic(draw, lab):
        nic["lan"] = draw(st.sampled_from(_lans(lab)))


def _pull_or_plug(draw, lab):
    if nic := _some_nic(draw, lab):
        nic["connected"] = not nic.get("connected", True)


def _readdress(draw, lab):
    if nic := _some_nic(draw, lab):
        version = draw(st.sampled_from([4, 6]))
        one = st.builds("{}/{}".format, addresses(version), st.just({4: 24, 6: 64}[version]))
        nic[f"ipv{version}"] = draw(st.lists(one, min_size=1, max_size=3, unique=True))


def _reroute(draw, lab):
    _some(draw, lab)[1]["routes"] = draw(st.lists(routes(), max_size=3))


def _regateway(draw, lab):
    _some(draw, lab)[1]["gateway"] = draw(gateways())


def _unroute(draw, lab):
    """Leave the routes of a router to the student, or no longer."""
    if lab["routers"]:
        router = lab["routers"][draw(st.sampled_from(sorted(lab["routers"])))]
        router["routing"] = "static" if router.get("routing") == "none" else "none"


def _protect(draw, lab):
    """Make a router a firewall, or change what a firewall lets through."""
    boxes = lab.setdefault("middleboxes", {})
    walls = [name for name, said in boxes.items() if said["role"] == "firewall"]
    if lab["routers"] and not (walls and draw(st.booleans())):
        walls = [draw(st.sampled_from(sorted(lab["routers"])))]
        boxes[walls[0]] = {"role": "firewall", **lab["routers"].pop(walls[0])}
    if walls:
        wall = boxes[draw(st.sampled_from(walls))]
        wall["policy"] = draw(st.sampled_from(["accept", "drop"]))
        passes = [{"allow": "icmp"}, {"allow": "icmp", "from": draw(st.sampled_from(_lans(lab)))}]
        wall["rules"] = draw(st.lists(st.sampled_from(passes), max_size=2))


EDITS = (
    _add_node,
    _remove_node,
    _rename_node,
    _add_lan,
    _remove_lan,
    _rename_lan,
    _renumber_lan,
    _add_nic,
    _remove_nic,
    _recable,
    _pull_or_plug,
    _readdress,
    _reroute,
    _regateway,
    _unroute,
    _protect,
)


def _lans(lab):
    return sorted(lab["lans"])


def _nodes(lab):
    """Return the name and content of every node of *lab* that says its NICs one by one."""
    every = [each for role in SECTIONS for each in lab.get(role, {}).items()]
    return [(name, said) for name, said in every if "nics" in said]


def _some_node(draw, lab):
    names = [(role, name) for role in SECTIONS for name in lab.get(role, {})]
    return draw(st.sampled_from(names))


def _some(draw, lab):
    return draw(st.sampled_from(_nodes(lab)))


def _some_nic(draw, lab):
    """Return a NIC of *lab* that is plugged into a LAN, or None."""
    nics = [nic for _, said in _nodes(lab) for nic in said["nics"] if "lan" in nic]
    return draw(st.sampled_from(nics)) if nics else None
