"""Switches with VLANs: who hears whom through them, and what is said when a port is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labiac.plan.diff import diff
from labiac.plan.lower import lowered, raised
from labiac.plan.resolve import resolve
from labiac.reach.change import Passage
from labiac.reach.compare import Deviations
from labiac.reach.findings import findings
from labiac.reach.matrix import matrix, pair
from labiac.schema.load import from_data

CAMPUS = {"ipv4": "none", "vlans": {"red": 10, "blue": 20}}
ROW = CAMPUS | {"switches": ["sw1", "sw2"]}


PCS = {
    "pc1": {"lan": "campus", "access": "red"},
    "pc2": {"lan": "campus", "access": "blue"},
    "pc3": {"lan": "campus", "access": "red", "switch": "sw2"},
    "pc4": {"lan": "campus", "access": "blue", "switch": "sw2"},
}


def planned(campus=ROW, backend="netns", **parts):
    nodes = {"routers": {"r1": {"lan": "campus", "trunk": ["red", "blue"]}}, "pcs": PCS}
    lab = {"name": "x", "lans": {"campus": campus}, **nodes, **parts}
    return resolve(from_data(lab), backend=backend)


def with_port(plan, switch, port, **changes):
    """Return *plan* where a port of *switch* is different."""
    was = plan.machine(switch)
    nics = (replace(nic, **changes) if nic.name == port else nic for nic in was.nics)
    now = replace(was, nics=tuple(nics))
    return replace(plan, machines=tuple(now if m is was else m for m in plan.machines))


def says(plan, source, target):
    found = pair(plan, source, target)
    return f"{found.reason or 'ok'}: {' '.join(found.path)}"


def test_a_switch_is_no_hop_and_a_vlan_goes_over_the_trunk():
    plan = planned()
    assert says(plan, "pc1", "pc3") == "ok: pc1 pc3"
    assert says(plan, "pc1", "pc4") == "ok: pc1 r1 pc4"
    assert {name for each in matrix(plan, all_nodes=True) for name in each.path} == {
        *("r1", "pc1", "pc2", "pc3", "pc4")
    }


def test_without_a_router_two_vlans_do_not_hear_each_other():
    plan = planned(routers={})
    assert pair(plan, "pc1", "pc3").ok
    assert says(plan, "pc1", "pc2") == "pc1 has no route to 10.0.20.12 (no gateway): pc1"


def test_an_access_port_in_another_vlan_takes_its_pc_along():
    wrong = with_port(planned(), "sw1", "pc1_eth0", vlan="blue")
    assert says(wrong, "pc1", "pc3") == "nobody on sw1 blue answers for 10.0.10.13: pc1"
    assert says(wrong, "pc3", "pc1") == "nobody on sw2 red answers for 10.0.10.11: pc3"


def test_a_trunk_without_a_vlan_cuts_that_vlan_in_two():
    plan = planned()
    blue = tuple(sub for sub in plan.machine("sw1").nics[0].trunk if sub.vlan == "blue")
    wrong = with_port(plan, "sw1", "sw2", trunk=blue)
    assert says(wrong, "pc1", "pc3") == "nobody on sw1 red answers for 10.0.10.13: pc1"
    assert says(wrong, "pc2", "pc4") == "ok: pc2 pc4"


def test_a_tag_that_a_port_does_not_take_goes_nowhere():
    plan = planned()
    wrong = with_port(plan, "sw1", "r1_eth0", trunk=())
    assert pair(wrong, "r1", "pc1").reason == ("nobody on campus_r1_eth0 10 answers for 10.0.10.11")


def differences(plan, live, source="pc1", target="pc3", **broken):
    return [each.text for each in Deviations(plan, live, broken).differences(source, target)]


def test_a_port_that_is_not_as_planned_is_named_with_its_switch():
    plan = planned()
    assert differences(plan, plan) == []
    assert differences(plan, with_port(plan, "sw1", "pc1_eth0", vlan="blue")) == [
        "sw1: pc1_eth0 takes blue untagged; planned red untagged"
    ]
    assert differences(plan, with_port(plan, "sw1", "r1_eth0", trunk=()), "pc1", "pc2") == [
        "sw1: r1_eth0 takes nothing; planned red tagged, blue tagged"
    ]
    assert differences(plan, with_port(plan, "sw2", "pc3_eth0", connected=False)) == [
        "sw2: pc3_eth0 does not join campus"
    ]


def test_a_trunk_that_is_not_as_planned_is_named_on_the_way_of_who_needs_it():
    plan = planned()
    cut = with_port(plan, "sw2", "sw1", connected=False)
    assert differences(plan, cut) == ["sw2: sw1 does not join campus"]
    assert differences(plan, cut, "pc1", "pc2") == []


def test_a_switch_that_is_gone_is_named():
    plan = planned()
    live = replace(plan, machines=tuple(m for m in plan.machines if m.name != "sw2"))
    assert differences(plan, live, sw2="sw2 is gone")[0] == "sw2 is gone"


def test_a_port_that_changes_reboots_its_switch_and_names_whom_that_cuts_off():
    old, new = (
        planned(backend="libvirt"),
        planned(backend="libvirt", pcs={**PCS, "pc3": PCS["pc3"] | {"access": "blue"}}),
    )
    changes = diff(old, new, boots=True, live=frozenset({"hosts", "nics", "routes"}))
    costs = {change.item: change for change in changes}
    assert {name: change.effect for name, change in costs.items() if change.effect != "live"} == {
        "sw2": "reseed"
    }
    assert set(Passage(old, new, changes).disturbs(costs["sw2"])) >= {
        ("pc1", "pc4"),
        ("pc3", "pc4"),
    }


def test_a_good_lab_with_switches_has_no_findings():
    assert findings(planned()) == ()
    assert findings(planned(campus=CAMPUS | {"switches": ["sw1", "sw2"]}, backend="libvirt")) == ()


@pytest.mark.parametrize("backend", ["netns", "libvirt"])
def test_what_is_odd_about_vlans_is_found_on_every_backend(backend):
    lab = {
        "name": "x",
        "lans": {
            "campus": {"vlans": {"red": 10, "blue": 20, "grey": 30}},
            "one": {"vlans": {"low": 1}},
        },
        "routers": {"r1": {"lan": "campus", "trunk": {"red": {"ipv4": "none"}}}},
        "pcs": {
            "pc1": {"lan": "campus", "access": "blue"},
            "pc2": {"lan": "one", "access": "low"},
            "pc3": {"lan": "one"},
        },
    }
    whole = resolve(from_data(lab), backend="netns")
    made = resolve(from_data(lab), backend=backend)
    assert findings(made) == findings(whole) != ()


@st.composite
def labs(draw):
    """Return a lab with VLANs, right or wrong, as its file says it."""
    names = ["red", "blue", "green"][: draw(st.integers(1, 3))]
    ids = draw(st.permutations([1, 10, 20, 4094]))
    switches = [f"sw{n}" for n in range(1, draw(st.integers(1, 3)) + 1)]
    campus = {"vlans": dict(zip(names, ids, strict=False)), "switches": switches}
    campus |= draw(st.sampled_from([{}, {"type": "host", "host": {"router": True}}]))
    if 1 in campus["vlans"].values():
        campus["ipv4"] = "none"
    lans = {"campus": campus, "lan1": {}}

    def nic():
        kind = draw(st.sampled_from(["plain", "access", "trunk", "native", "lan1"]))
        if kind == "lan1":
            return {"lan": "lan1"}
        said = {"lan": "campus", "switch": draw(st.sampled_from(switches))}
        if draw(st.integers(0, 7)) == 7:
            said["connected"] = False
        if kind == "access":
            return said | {"access": draw(st.sampled_from(names))}
        if kind == "plain":
            return said
        tagged = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        rest = [name for name in names if name not in tagged]
        native = {"native": rest[0]} if kind == "native" and rest else {}
        return said | {"trunk": tagged} | native

    return {
        "name": "x",
        "lans": lans,
        "routers": {
            f"r{n}": {"nics": [nic() for _ in range(draw(st.integers(1, 2)))]} for n in (1, 2)
        },
        "pcs": {f"pc{n}": {"nics": [nic()]} for n in range(1, draw(st.integers(2, 5)) + 1)},
    }


@settings(max_examples=150, deadline=None)
@given(data=labs())
def test_a_lowered_lab_has_the_matrix_of_the_lab_as_it_is_written(data):
    named = from_data(data)
    single = {
        lan: {k: v for k, v in said.items() if k != "switches"}
        for lan, said in data["lans"].items()
    }
    nodes = {
        part: {
            name: {
                "nics": [{k: v for k, v in nic.items() if k != "switch"} for nic in said["nics"]]
            }
            for name, said in data[part].items()
        }
        for part in ("routers", "pcs")
    }
    whole = resolve(from_data(data | {"lans": single} | nodes))
    bare = from_data(data | {"lans": single} | nodes)
    for lab in (named, bare):
        low = lowered(replace(whole, backend="libvirt"), lab, whole.machines[0].hosts)
        assert in_order(raised(low)) == in_order(whole)
        assert ways(low) == ways(whole)
    assert matrix(low, all_nodes=True) == matrix(whole, all_nodes=True)  # in words, too


def in_order(plan):
    networks = sorted(plan.networks, key=lambda network: network.name)
    return replace(plan, backend="", networks=tuple(networks))


def ways(plan):
    return [(each.ends, each.ok, each.path) for each in matrix(plan, all_nodes=True)]
