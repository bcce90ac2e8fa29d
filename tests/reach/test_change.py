"""Whom a change cuts off: for good, and while it happens."""

from __future__ import annotations

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from labiac.errors import DescriptionError
from labiac.plan.diff import diff
from labiac.plan.resolve import resolve
from labiac.reach.change import Passage
from labiac.reach.matrix import matrix
from labiac.schema.load import from_data
from tests.differential.labs import HOST_LANS, labs

LIVE = frozenset({"forwards", "hosts", "ipv4", "nics", "routes", "routing", "vlans"})


@pytest.fixture
def passage(planned):
    """Go from one lab to another, each given by parts of its file, where NICs change live."""

    def go(old, new, *, boots=False, live=LIVE):
        plans = planned(**old), planned(**new)
        changes = diff(*plans, boots=boots, live=live)
        return Passage(*plans, changes), {change.item: change for change in changes}

    return go


@pytest.fixture
def disturbed(passage):
    """Say whom the change of one item disturbs: ``pc1 pc3``, each pair once."""

    def say(item, old, new, **features):
        way, changes = passage(old, new, **features)
        return sorted({" ".join(sorted(ends)) for ends in way.disturbs(changes[item])})

    return say


def turned(way):
    return [(pair.source, pair.target, pair.was, pair.now, pair.reason) for pair in way.turned()]


def test_a_router_that_restarts_cuts_off_who_is_on_the_other_side(disturbed, row):
    new = row(r2={"cpus": 2})
    assert disturbed("r2", row(), new, boots=True) == ["pc1 pc3", "pc2 pc3"]


def test_a_pc_that_restarts_cuts_off_itself(disturbed, row):
    assert disturbed("pc3", row(), row(pc3={"cpus": 2}), boots=True) == ["pc1 pc3", "pc2 pc3"]


def test_a_change_that_no_packet_depends_on_disturbs_nobody_where_it_is_live(disturbed, row):
    assert disturbed("r1", row(), row(r1={"cpus": 2})) == []


def test_a_router_that_restarts_disturbs_nobody_where_none_goes_through_it(disturbed, row):
    old, new = row(), row()
    old["routers"]["r3"] = {"lans": ["lan1", "lan3"], "routing": "none"}
    new["routers"]["r3"] = {**old["routers"]["r3"], "cpus": 2}
    assert disturbed("r3", old, new, boots=True) == []


def test_a_lan_made_anew_cuts_off_who_is_on_it_and_who_goes_through_it(disturbed, row):
    new = row()
    new["lans"] = {**new["lans"], "lan2": {"type": "host"}}
    assert disturbed("lan2", row(), new, live=LIVE - {"type"}) == ["pc1 pc2", "pc1 pc3", "pc2 pc3"]


def test_a_gateway_that_moves_live_is_gone_until_its_pcs_know(disturbed, row):
    new = row(r1={"nics": [{"lan": "lan1", "ipv4": "10.0.1.99"}, {"lan": "lan2"}]})
    assert disturbed("r1", row(), new) == ["pc1 pc2", "pc1 pc3"]
    assert disturbed("pc1", row(), new) == ["pc1 pc2", "pc1 pc3"]


def test_a_pc_that_hears_late_of_its_new_gateway_is_cut_off_when_the_old_one_is_gone(
    disturbed, row
):
    def lab(gateway, *addresses):
        nics = [{"lan": "lan1", "ipv4": [f"10.0.1.{n}" for n in addresses]}, {"lan": "lan2"}]
        return row(r1={"nics": nics}, pc1={"gateway": f"10.0.1.{gateway}"})

    assert disturbed("pc1", lab(1, 1, 99), lab(99, 1, 99)) == []
    assert disturbed("pc1", lab(1, 1, 99), lab(99, 99)) == ["pc1 pc2", "pc1 pc3"]


def test_a_router_that_restarts_disturbs_who_will_go_through_it_even_if_nobody_does_now(
    disturbed, row
):
    old, new = row(), row(pc1={"gateway": "10.0.1.3"})
    old["routers"]["r3"] = {"lans": ["lan1", "lan3"], "routing": "none"}
    new["routers"]["r3"] = {**old["routers"]["r3"], "cpus": 2}
    assert disturbed("r3", old, new, boots=True) == ["pc1 pc3"]


def test_a_second_address_disturbs_nobody(disturbed, row):
    new = row(pc1={"nics": [{"lan": "lan1", "ipv4": ["10.0.1.11", "10.0.1.99"]}]})
    assert disturbed("pc1", row(), new) == []


def test_a_pc_with_another_address_is_disturbed_however_short_that_takes(disturbed, row):
    new = row(pc3={"nics": [{"lan": "lan3", "ipv4": "10.0.3.99"}]})
    assert disturbed("pc3", row(), new) == ["pc1 pc3", "pc2 pc3"]


def test_a_cable_that_leads_elsewhere_is_out_for_a_moment(disturbed, row):
    new = row(pc1={"nics": [{"lan": "lan1", "mac": "02:00:00:00:00:01"}]})
    assert disturbed("pc1", row(), new) == ["pc1 pc2", "pc1 pc3"]


def test_a_route_that_is_added_live_disturbs_nobody(disturbed, row):
    new = row(r1={"routes": [{"to": "10.9.0.0/16", "via": "10.0.2.2"}]})
    assert disturbed("r1", row(), new) == []


def test_what_is_created_or_deleted_disturbs_nobody_for_a_time(disturbed, row):
    new = row()
    new["pcs"]["pc9"] = {"lan": "lan1"}
    assert disturbed("pc9", row(), new) == []
    assert disturbed("pc9", new, row()) == []


def test_a_renamed_node_keeps_its_pairs_and_is_cut_off_while_it_is_made_anew(passage, row):
    new = row()
    new["pcs"]["ana"] = {**new["pcs"].pop("pc1"), "ipv4": "10.0.1.11"}
    way, changes = passage(row(), new)
    assert way.turned() == ()
    assert set(way.disturbs(changes["ana"])) == {
        (a, b) for each in ("pc2", "pc3") for a, b in (("ana", each), (each, "ana"))
    }


def test_what_becomes_unreachable_for_good_is_told_with_the_reason(passage, row):
    way, _ = passage(row(), row(pc3={"gateway": "none"}))
    hint = "the reply from pc3: pc3 has no route to 10.0.1.11 (no gateway)"
    assert ("pc1", "pc3", True, False, hint) in turned(way)
    assert {frozenset(pair[:2]) for pair in turned(way)} == {
        frozenset({"pc1", "pc3"}),
        frozenset({"pc2", "pc3"}),
    }


def test_pairs_of_a_node_that_comes_or_goes_turn_for_good(passage, row):
    new = row()
    del new["pcs"]["pc3"]
    gone, _ = passage(row(), new)
    assert ("pc1", "pc3", True, False, "pc3 is gone") in turned(gone)
    del new["pcs"]["pc2"]
    gone, _ = passage(row(), new)
    assert ("pc1", "pc3", True, False, "pc3 is gone") in turned(gone)
    come, _ = passage(new, row())
    assert ("pc1", "pc3", False, True, "") in turned(come)


def test_a_pc_that_becomes_a_router_is_not_gone(passage, row):
    new = row()
    new["routers"]["pc3"] = {"lans": ["lan3"]}
    del new["pcs"]["pc3"]
    way, _ = passage(row(), new)
    assert way.turned() == ()


@settings(max_examples=30, deadline=None)
@given(old=labs(HOST_LANS), new=labs(HOST_LANS))
def test_what_turns_is_what_differs_and_who_is_disturbed_reaches_each_other_before_and_after(
    old, new
):
    try:
        before, after = (resolve(from_data(lab)) for lab in (old, new))
    except DescriptionError:
        reject()
    changes = diff(before, after, boots=True, live=())
    renamed = {each.item: each.was.name for each in changes if each.kind == "rename"}
    way = Passage(before, after, changes)
    was, now = ({pair.ends: pair.ok for pair in matrix(plan)} for plan in (before, after))
    lasting = {
        ends
        for ends, ok in now.items()
        if ok and was.get(tuple(renamed.get(name, name) for name in ends))
    }
    stable = [ends for ends in now if not set(ends) & renamed.keys()]
    found = {(pair.source, pair.target): pair.now for pair in way.turned()}
    for ends in stable:
        assert found.get(ends, now[ends]) == now[ends]
        assert (ends in found) == (was.get(ends, False) != now[ends])
    for change in changes:
        assert set(way.disturbs(change)) <= lasting


@settings(max_examples=40, deadline=None)
@given(old=labs(HOST_LANS), new=labs(HOST_LANS), boots=st.booleans())
def test_what_is_known_without_a_walk_of_who_is_disturbed_is_what_a_walk_finds(old, new, boots):
    try:
        before, after = (resolve(from_data(lab)) for lab in (old, new))
    except DescriptionError:
        reject()
    changes = diff(before, after, boots=boots, live=() if boots else LIVE)
    quick, walked = (Passage(before, after, changes) for _ in range(2))
    walked._is_its_own = walked._leaves_others = lambda *_: False
    for change in changes:
        assert quick.disturbs(change) == walked.disturbs(change)


def test_a_node_that_takes_an_address_before_its_owner_lets_go_disturbs_the_owner_too(disturbed):
    """Two PCs change places: half-way both have one address."""
    old, new = (
        {"lans": {"lan1": {}}, "pcs": {name: {"lan": "lan1", "ipv4": ip} for name, ip in pcs}}
        for pcs in (
            [("pc1", "10.0.1.11"), ("pc2", "10.0.1.12"), ("pc3", "10.0.1.13")],
            [("pc1", "10.0.1.12"), ("pc2", "10.0.1.11"), ("pc3", "10.0.1.13")],
        )
    )
    assert "pc2 pc3" in disturbed("pc1", old, new)


def rerouted(**routes):
    """Return two ways from pc1 to pc9, by r2 and by r3, of which *routes* choose one."""
    back = {"r1": [], "r2": ["lan1"], "r3": ["lan1"], "r4": ["lan1"]}
    lans = {"r1": ("lan1", "mid"), "r2": ("mid", "end"), "r3": ("mid", "end"), "r4": ("end", "far")}
    subnets = {"lan1": "10.0.1.0/24", "far": "10.0.9.0/24"}
    routers = {}
    for name, joined in lans.items():
        home = [{"to": subnets[to], "via": "r2" if name == "r4" else "r1"} for to in back[name]]
        via = [{"to": subnets["far"], "via": routes[name]}] if name in routes else []
        routers[name] = {"lans": joined, "routing": "none", "routes": home + via}
    return {
        "lans": {"mid": {}, "end": {}} | {name: {"ipv4": net} for name, net in subnets.items()},
        "routers": routers,
        "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "mid"}, "pc9": {"lan": "far"}},
    }


@pytest.mark.parametrize("item", ["r1", "r2", "r3"])
def test_routes_that_change_one_after_the_other_disturb_whom_they_lead_to(disturbed, item):
    old, new = rerouted(r1="r2", r2="r4"), rerouted(r1="r3", r3="r4")
    assert disturbed(item, old, new) == ["pc1 pc9"]


def test_a_route_to_where_nobody_is_asks_for_no_state_in_between(passage, row, monkeypatch):
    nowhere = {"routes": [{"to": "10.77.0.0/16", "via": "10.0.2.2"}]}
    way, changes = passage(row(), row(r1=nowhere))
    monkeypatch.setattr(way, "_midway", None)
    assert way.disturbs(changes["r1"]) == ()


def test_a_router_that_keeps_no_address_is_missed_by_all_who_go_through_it_without_a_walk(
    passage, row, monkeypatch
):
    """A renumbered lab of 1,000 nodes has a hundred of them."""
    elsewhere = row() | {"pool": {"ipv4": "10.64.0.0/10"}}
    way, changes = passage(row(), elsewhere)
    walked, _ = passage(row(), elsewhere)
    monkeypatch.setattr(walked, "_is_elsewhere", lambda *_: False)
    found = walked.disturbs(changes["r2"])
    monkeypatch.setattr(way, "_midway", None)
    assert way.disturbs(changes["r2"]) == found != ()
