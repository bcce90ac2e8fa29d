"""What Graphviz makes of a lab: nothing lies on anything else, and all can be read."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import pytest

from labiac.cli.draw.columns import columns
from labiac.cli.draw.graph import dot, rendered
from labiac.cli.draw.picture import plain
from labiac.cli.draw.topology import topology
from labiac.plan.resolve import plan_file, resolve
from labiac.schema.load import find, from_data, stacks
from labiac.schema.yaml import parse

from .conftest import DUAL, VLANS

ROOMS = {"hall": ("r1", 20), "office": ("r3", 8), "shop": ("r4", 6), "attic": ("r6", 8)}
TREE = {"r2": "lan2", "r3": "lan3", "r4": "lan4", "r5": "lan5"}
BOXES = """\
name: boxes
lans: {lan1: {}, lan2: {}, lan3: {}, lan4: {}, lan5: {}}
middleboxes:
  fw: {role: firewall, lans: [lan1, lan2, lan4], rules: [{allow: icmp, from: lan1, to: lan2}]}
  gw: {role: nat, lans: [lan2, lan3], outside: lan3}
  br: {role: bridge, lans: [lan4, lan5]}
pcs: {pc1: {lan: lan1}, pc2: {lan: lan2}, pc3: {lan: lan3}, pc4: {lan: lan4}, pc5: {lan: lan5}}
"""


class Rectangle(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Rectangle) -> bool:
        aside = self.right <= other.left or other.right <= self.left
        return not (aside or self.top <= other.bottom or other.top <= self.bottom)

    def holds(self, x: float, y: float) -> bool:
        return self.left < x < self.right and self.bottom < y < self.top


def fifty_nodes():
    """Return a ring of eight routers, four of them with a LAN of PCs; one has 20."""
    routers = {f"r{n}": {"lans": [f"ring{n}", f"ring{n % 8 + 1}"]} for n in range(1, 9)}
    pcs: dict[str, Any] = {}
    for room, (router, count) in ROOMS.items():
        routers[router]["lans"].append(room)
        pcs |= {f"pc{len(pcs) + n}": {"lan": room} for n in range(1, count + 1)}
    assert len(routers) + len(pcs) == 50
    lans = {lan: {} for router in routers.values() for lan in router["lans"]}
    return resolve(from_data({"name": "campus", "lans": lans, "routers": routers, "pcs": pcs}))


def twelve_lans():
    """Return a tree of LANs: a router for each branch, and one PC that is in two leaves."""
    routers = {"r1": {"lans": ["lan1", "lan2", "lan3", "lan4"]}}
    for number, (router, lan) in enumerate(TREE.items()):
        routers[router] = {"lans": [lan, f"lan{5 + 2 * number}", f"lan{6 + 2 * number}"]}
    pcs: dict[str, Any] = {f"pc{number}": {"lan": f"lan{number}"} for number in range(5, 13)}
    pcs["two"] = {"nics": [{"lan": "lan9"}, {"lan": "lan10"}]}
    lans = {f"lan{number}": {} for number in range(1, 13)}
    return resolve(from_data({"name": "tree", "lans": lans, "routers": routers, "pcs": pcs}))


def star():
    """Return twelve LANs, each with a router of its own to one that all share."""
    numbers = range(1, 13)
    lans = {"core": {}} | {f"lan{number}": {} for number in numbers}
    routers = {f"r{number}": {"lans": ["core", f"lan{number}"]} for number in numbers}
    pcs = {f"pc{number}": {"lan": f"lan{number}"} for number in numbers}
    return resolve(from_data({"name": "star", "lans": lans, "routers": routers, "pcs": pcs}))


def text_lab(text):
    return resolve(from_data(parse(text, "lab.yaml")[0]))


LABS = {
    "fifty nodes": fifty_nodes,
    "twelve lans": twelve_lans,
    "star": star,
    "vlans": lambda: text_lab(VLANS),
    "dual stack": lambda: text_lab(DUAL),
    "middleboxes": lambda: text_lab(BOXES),
    **{name: lambda name=name: plan_file(find(name)) for name in stacks()},
}


@pytest.fixture(params=LABS)
def laid_out(request):
    """Return what Graphviz places where, in points, y upwards."""
    return json.loads(rendered(plain(topology(LABS[request.param]())), "json"))


def boxes(laid_out) -> dict[str, Rectangle]:
    found = {}
    for node in laid_out["objects"]:
        x, y = map(float, node["pos"].split(","))
        wide, high = 36 * float(node["width"]), 36 * float(node["height"])
        found[node["name"]] = Rectangle(x - wide, y - high, x + wide, y + high)
    return found


def texts(drawn) -> list[tuple[str, Rectangle]]:
    """Return each text that *drawn* has for its label, and where it lies."""
    found, size = [], 0.0
    for operation in drawn.get("_ldraw_", ()):
        if operation["op"] == "F":
            size = operation["size"]
        elif operation["op"] == "T" and operation["text"].strip():
            (x, y), width = operation["pt"], operation["width"]
            left = x - {"l": 0.0, "c": width / 2, "r": width}[operation["align"]]
            # From the baseline: letters take four fifths of their size above it, or less.
            where = Rectangle(left, y, left + width, y + 0.8 * size)
            found.append((operation["text"], where))
    return found


def points(edge):
    """Yield points along the curve of *edge*, a twentieth of a piece apart."""
    spots = [tuple(map(float, spot.split(","))) for spot in edge["pos"].split()]
    for at in range(0, len(spots) - 3, 3):
        for step in range(21):
            far, near = step / 20, 1 - step / 20
            shares = near**3, 3 * near**2 * far, 3 * near * far**2, far**3
            piece = list(zip(shares, spots[at : at + 4], strict=True))
            yield tuple(sum(share * spot[axis] for share, spot in piece) for axis in (0, 1))


def test_no_two_nodes_overlap(laid_out):
    for (name, box), (other, its_box) in combinations(boxes(laid_out).items(), 2):
        assert not box.overlaps(its_box), f"{name} and {other}"


def test_no_text_lies_on_another(laid_out):
    every = [text for drawn in (laid_out, *laid_out["objects"]) for text in texts(drawn)]

    assert len(every) > len(laid_out["objects"])
    for (text, where), (other, its_place) in combinations(every, 2):
        assert not where.overlaps(its_place), f"{text} and {other}"


def test_a_text_of_a_node_lies_inside_of_it_and_the_title_beside_all_nodes(laid_out):
    places = boxes(laid_out)
    for node in laid_out["objects"]:
        box = places[node["name"]]
        for text, where in texts(node):
            assert box.left <= where.left, text
            assert where.right <= box.right, text
    for text, where in texts(laid_out):
        assert not any(where.overlaps(box) for box in places.values()), text


def test_no_cable_runs_through_a_node_or_a_text(laid_out):
    names, places = [node["name"] for node in laid_out["objects"]], boxes(laid_out)
    labels = [text for node in laid_out["objects"] for text in texts(node)]
    for edge in laid_out.get("edges", ()):
        ends = {names[edge["tail"]], names[edge["head"]]}
        others = [box for name, box in places.items() if name not in ends]
        for x, y in points(edge):
            assert not any(box.holds(x, y) for box in others), ends
            assert not [text for text, where in labels if where.holds(x, y)], ends


def test_no_edge_has_a_label_that_graphviz_would_have_to_find_a_place_for(laid_out):
    assert not any(
        edge.get(f"{at}label")
        for edge in laid_out.get("edges", ())
        for at in ("", "x", "head", "tail")
    )


@pytest.mark.parametrize(
    ("plan", "page_px"), [(lambda: plan_file("three-lans"), 1200), (fifty_nodes, 2000)]
)
def test_addresses_can_be_read_when_the_whole_lab_is_on_one_page(plan, page_px):
    laid_out = json.loads(rendered(plain(topology(plan())), "json"))
    width_pt = float(laid_out["bb"].split(",")[2])

    assert float(laid_out["fontsize"]) * page_px / width_pt >= 12


@pytest.mark.parametrize("name", ["ring", "fifty nodes", "twelve lans", "star", "middleboxes"])
def test_cables_that_need_not_cross_do_not(name):
    assert crossings(json.loads(rendered(plain(topology(LABS[name]())), "json"))) == 0


def test_a_few_lans_in_a_row_are_drawn_in_one_row():
    places = columns(topology(plan_file("three-lans")))

    assert [places[name] for name in ("lan1", "r1", "lan2", "r2", "lan3")] == [0, 1, 2, 3, 4]


def test_a_lab_that_would_be_too_tall_grows_to_both_sides_of_its_middle():
    places = columns(topology(star()))
    sides = Counter(place > 0 for name, place in places.items() if name.startswith("lan"))

    assert places["core"] == 0
    assert sides == {True: 6, False: 6}


def test_a_ring_stays_on_one_side_of_its_middle():
    assert min(columns(topology(fifty_nodes())).values()) == 0


def test_every_cable_leads_from_one_column_to_the_next():
    for lab in LABS.values():
        what = topology(lab())
        places = columns(what)
        standing = [link for link in what.links if link.box not in what.hanging()]
        assert {abs(places[link.box] - places[link.bus]) for link in standing} <= {1}


def test_a_drawing_is_no_taller_than_a_page(laid_out):
    _, _, width_pt, height_pt = map(float, laid_out["bb"].split(","))

    assert height_pt <= width_pt * 1.5


def test_nics_stand_in_the_order_in_which_their_lans_lie():
    picture = plain(topology(plan_file("ring")))
    for heights in ({"lan34": 2.0, "lan3": 1.0}, {"lan34": 1.0, "lan3": 2.0}):
        (r3,) = (line for line in dot(picture, heights).source.splitlines() if "<B>r3</B>" in line)
        order = sorted(heights, key=lambda lan, r3=r3: r3.index(f'PORT="{lan}"'))
        assert order == sorted(heights, key=heights.__getitem__, reverse=True)


def crossings(laid_out) -> int:
    """Return how often the cables of *laid_out* cross, but for where they start and end."""
    lines = [list(points(edge)) for edge in laid_out["edges"]]
    pieces = [[*pairwise(line)] for line in lines]
    return sum(
        _cross(*one, *two) for a, b in combinations(pieces, 2) for one in a[3:-3] for two in b[3:-3]
    )


def _cross(a, b, c, d) -> bool:
    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


def test_a_lan_called_as_a_part_of_a_node_has_its_cable_at_its_nic():
    plan = text_lab("name: x\nlans: {name: {}, bus: {}}\nrouters: {r1: {lans: [name, bus]}}\n")
    source = dot(plain(topology(plan))).source

    assert "r1:name:w" in source or "r1:name:e" in source
    assert source.count('PORT="name"') == source.count('PORT="bus"') == 1
