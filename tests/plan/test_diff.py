"""What differs between two plans, in the words of the course, and what it costs."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from labiac.backends import open_backend
from labiac.errors import DescriptionError
from labiac.plan.checks import AllPingCheck, Check, PathCheck, PingCheck
from labiac.plan.diff import diff
from labiac.plan.document import to_data
from labiac.plan.effects import NETWORK_CONFIG, worst
from labiac.plan.model import (
    Forward,
    Impairments,
    Machine,
    Nic,
    Policy,
    Route,
    SeedFile,
    Service,
    SubInterface,
    Switch,
    Translation,
    Vlan,
)
from labiac.plan.resolve import plan_file, resolve
from labiac.plan.said import differences
from labiac.plan.speaker import Peer, Speaker
from labiac.provider.items import Items, MachineArgs, NetworkArgs
from labiac.provider.values import UNKNOWN, to_camel
from labiac.schema.load import from_data, stacks
from tests.differential.labs import HOST_LANS, labs

LANS = {"lan1": {}, "lan2": {}}
ROUTERS = {"r1": {"lans": ["lan1", "lan2"]}}
PCS = {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}}
NETNS = open_backend("netns").features
VM = replace(NETNS, boots=True, live=frozenset({"nics.connected"}))
STIFF = replace(VM, live=frozenset())
SPEAKER = Speaker("10.0.1.1", 65001, (Peer("10.0.1.2", 65002),), ("eth0",), ())
OTHERS = {
    bool: [True, False],
    "role": ["router", "pc"],
    "speaker": [SPEAKER],
    "type": ["internal", "host"],
    "attach": ["lan", "none"],
    "routing": ["static", "none"],
    "addresses": [("10.0.1.1/24",), ("10.0.1.2/24",)],
    "host_addresses": [("10.0.1.1/24",), ("10.0.1.2/24",)],
    "routes": [(Route("0.0.0.0/0", "10.0.1.1"),), (Route("0.0.0.0/0", "10.0.1.2"),)],
    "forwards": [(Forward("tcp", 80, "10.0.1.1", 8000, "127.0.0.1"),), ()],
    "vlans": [(Vlan("red", 10, None, None),), (Vlan("red", 11, None, None),)],
    "trunk": [(SubInterface("eth0.10", "red", 10, ()),), ()],
    "services": [(Service("web", ("python3", "-m", "http.server")),), ()],
    "seed": [(SeedFile("user-data", "a\n"),), (SeedFile("user-data", "b\n"),)],
    "hosts": ["10.0.1.1\tpc1\n", "10.0.1.2\tpc1\n"],
    "properties": [(("dest", "10.9.9.9"),), ()],
    "nics": [(), None],
    "policy": [Policy((), "drop"), None],
    "switch": (Switch("campus", ()),),
    "translation": [Translation("eth0", ()), None],
}
"""Two values for each kind of field, to change it by."""


def planned(backend="netns", **parts):
    lab = {"name": "small", "lans": LANS, "routers": ROUTERS, "pcs": PCS, **parts}
    return resolve(from_data(lab), backend=backend)


def changes(old, new, features=NETNS):
    return diff(old, new, boots=features.boots, live=features.live)


def told(old, new, features=NETNS):
    """Return the changes as ``kind item effect`` and the lines of their fields, hosts apart."""
    return {
        f"{change.kind} {change.item} {change.effect}": [
            f"{field}: {was} -> {now}"
            for field, was, now in change.fields
            if not field.startswith("hosts ")
        ]
        for change in changes(old, new, features)
    }


def with_machine(plan, name, **fields):
    machines = (replace(m, **fields) if m.name == name else m for m in plan.machines)
    return replace(plan, machines=tuple(machines))


@pytest.mark.parametrize("name", stacks())
def test_a_lab_does_not_differ_from_itself(name):
    assert changes(plan_file(name), plan_file(name)) == ()


def test_a_changed_subnet_is_told_at_the_lan_at_every_nic_and_route_that_has_it():
    assert told(planned(), planned(lans={"lan1": {}, "lan2": {"ipv4": "10.0.9.0/24"}})) == {
        "network lan2 live": ["subnet: 10.0.2.0/24 -> 10.0.9.0/24"],
        "machine r1 live": ["eth1 address: 10.0.2.1/24 -> 10.0.9.1/24"],
        "machine pc1 live": [],
        "machine pc2 live": [
            "eth0 address: 10.0.2.12/24 -> 10.0.9.12/24",
            "default route: via 10.0.2.1 -> via 10.0.9.1",
        ],
    }


def test_a_route_that_changes_its_next_hop_is_one_line():
    old = with_machine(planned(), "r1", routes=(Route("10.0.3.0/24", "10.0.2.2"),))
    new = with_machine(planned(), "r1", routes=(Route("10.0.3.0/24", "10.0.2.9"),))
    assert told(old, new) == {
        "machine r1 live": ["route 10.0.3.0/24: via 10.0.2.2 -> via 10.0.2.9"]
    }


def test_another_primary_address_is_told_though_all_are_the_same():
    def lab(*addresses):
        return planned(pcs={**PCS, "pc1": {"nics": [{"lan": "lan1", "ipv4": addresses}]}})

    assert told(lab("10.0.1.8", "10.0.1.9"), lab("10.0.1.9", "10.0.1.8"))["machine pc1 live"] == [
        "eth0 address: 10.0.1.8/24, 10.0.1.9/24 -> 10.0.1.9/24, 10.0.1.8/24"
    ]


def test_nodes_that_only_change_their_order_in_the_file_change_the_order_of_the_hosts_file():
    found = told(planned(), planned(pcs=dict(reversed(PCS.items()))))
    assert set(map(tuple, found.values())) == {("order of its parts: the old -> the new",)}


def test_a_new_node_is_told_in_brief_and_in_everybodys_hosts_file():
    new = planned(pcs={**PCS, "pc3": {"lan": "lan2"}})
    assert told(planned(), new)["machine pc3 create"] == [
        "eth0: None -> lan2 10.0.2.13/24",
        "default route: None -> via 10.0.2.1",
    ]
    (of_r1,) = (change for change in changes(planned(), new) if change.item == "r1")
    assert of_r1.fields == (("hosts pc3", None, "10.0.2.13"),)


def test_a_deleted_lan_goes_with_its_nic():
    old = planned(lans={**LANS, "lan3": {}}, routers={"r1": {"lans": ["lan1", "lan2", "lan3"]}})
    found = told(old, planned())
    assert found["network lan3 delete"] == ["subnet: 10.0.3.0/24 -> None"]
    assert found["machine r1 live"] == ["eth2: lan3 10.0.3.1/24 -> None"]


def test_a_vlan_with_another_id_is_told_at_the_lan_and_at_the_trunk():
    def lab(number):
        lan = {"ipv4": "none", "vlans": {"red": {"id": number, "ipv4": "10.0.7.0/24"}}}
        return planned(
            lans={"sw": lan},
            routers={"r1": {"nics": [{"lan": "sw", "trunk": ["red"]}]}},
            pcs={"pc1": {"lan": "sw", "access": "red"}},
        )

    found = told(lab(10), lab(11))
    assert found["network sw live"] == ["VLAN red: 10 10.0.7.0/24 -> 11 10.0.7.0/24"]
    assert "eth0.11 VLAN: None -> red 11" in found["machine r1 live"]


def test_checks_that_come_and_go_are_changes():
    old = planned(checks=[{"ping": {"from": "pc1", "to": "pc2"}}])
    new = planned(checks=[{"all_ping": True}])
    assert told(old, new) == {"check all ping create": [], "check ping pc1 -> pc2 delete": []}


def test_a_check_that_is_worth_more_is_the_same_check():
    old = planned(checks=[{"all_ping": True}, {"all_ping": True}])
    new = planned(checks=[{"all_ping": True, "points": 2, "hint": "Routes.", "retry": 3}])
    assert told(old, new) == {
        "check all ping live": ["hint: None -> Routes.", "points: 1 -> 2", "retry: 0 -> 3"]
    }
    assert told(old, old) == {}


def test_a_check_whose_nodes_have_other_addresses_is_the_same_check():
    checks = [
        {"route": {"node": "pc1", "to": "default", "via": "r1"}},
        {"port": {"from": "pc1", "to": "pc2", "port": 80}},
    ]
    old = planned(checks=checks)
    new = planned(checks=checks, lans={"lan1": {"ipv4": "10.9.0.0/24"}, "lan2": {}})
    assert not [change for change in told(old, new) if change.startswith("check")]


def test_a_check_reads_as_a_sentence():
    assert str(Check(PingCheck("pc1", "pc2", answers=False))) == "no ping pc1 -> pc2"
    path = Check(PathCheck("pc1", "pc4", ("r1", "r2")))
    assert str(path) == "path pc1 -> pc4 by way of r1, r2"
    assert str(AllPingCheck()) == "all ping"


def test_a_seed_that_changes_reboots_a_machine_that_boots():
    own = {"lan": "lan1", "cloud_init": {"runcmd": ["true"]}}
    old, new = planned("libvirt"), planned("libvirt", pcs={**PCS, "pc1": own})
    (pc1,) = (change for change in changes(old, new, VM) if change.item == "pc1")
    assert pc1.effect == "reseed"
    (seed,) = (each for each in pc1.fields if each.field.startswith("seed "))
    assert "\n" in seed.was
    assert "\n" in seed.now


def test_a_seed_is_told_only_as_far_as_no_other_field_says_it():
    old, new = planned("libvirt"), planned("libvirt", pcs={**PCS, "pc3": {"lan": "lan1"}})
    (pc1,) = (change for change in changes(old, new, VM) if change.item == "pc1")
    assert [each.field for each in pc1.fields] == ["hosts pc3"]
    by_template = replace(
        new.machine("pc1"),
        seed=tuple(
            replace(file, text=f"{file.text}# ours\n") if file.name == NETWORK_CONFIG else file
            for file in new.machine("pc1").seed
        ),
    )
    (seed,) = differences(new.machine("pc1"), by_template)
    assert seed.field == "seed network-config"


def test_a_cable_pulled_out_is_live_where_the_backend_can_and_restarts_where_it_cannot():
    new = planned(pcs={**PCS, "pc1": {"nics": [{"lan": "lan1", "connected": False}]}})
    assert told(planned(), new, VM)["machine pc1 live"][0] == "eth0 cable: in -> out"
    assert "machine pc1 restart" in told(planned(), new, STIFF)


def test_a_lan_made_anew_takes_its_machines_with_it():
    new = planned(lans={"lan1": {}, "lan2": {"type": "nat"}})
    found = told(planned(), new, VM)
    assert "network lan2 replace" in found
    assert "LAN lan2: there -> made anew" in found["machine pc2 replace"]
    assert not any("pc1 replace" in each for each in found)


def test_another_name_of_the_lab_is_another_copy():
    found = told(planned(), planned(name="other"))
    assert found["lab other replace"] == ["name: small -> other"]
    assert {each.split()[-1] for each in found} == {"replace"}


def test_a_renamed_node_is_known_by_the_mac_that_the_file_gives_it():
    nic = {"mac": "02:00:00:00:00:01"}
    old = planned(pcs={**PCS, "pc1": {"nics": [{"lan": "lan1", **nic}]}})
    new = planned(pcs={"pc2": PCS["pc2"], "ana": {"nics": [{"lan": "lan2", **nic}]}})
    assert told(old, new)["rename ana replace"][0] == "name: pc1 -> ana"


def test_a_renamed_node_is_known_by_its_address():
    new = planned(
        pcs={
            "pc2": PCS["pc2"],
            "bob": {"lan": "lan1"},
            "ana": {"lan": "lan1", "ipv4": "10.0.1.11"},
        }
    )
    found = told(planned(), new)
    assert found["rename ana replace"][0] == "name: pc1 -> ana"
    assert "machine bob create" in found


def test_a_renamed_node_is_known_by_what_it_is_plugged_into():
    new = planned(routers={"gateway": ROUTERS["r1"]})
    assert told(planned(), new)["rename gateway replace"][0] == "name: r1 -> gateway"


def test_a_renamed_lan_is_known_by_its_subnet_or_by_who_is_plugged_in():
    routers, pcs = {"r1": {"lans": ["lan1", "core"]}}, {**PCS, "pc2": {"lan": "core"}}
    for lan in ({"ipv4": "10.0.2.0/24"}, {}):
        found = told(planned(), planned(lans={"lan1": {}, "core": lan}, routers=routers, pcs=pcs))
        assert found["rename core replace"][0] == "name: lan2 -> core"
        assert "eth1 LAN: lan2 -> core" in found["machine r1 live"]


def test_of_two_that_could_be_the_renamed_node_neither_is():
    new = planned(pcs={"pc2": PCS["pc2"], "ana": {"lan": "lan1"}, "bob": {"lan": "lan1"}})
    kinds = [change.kind for change in changes(planned(), new)]
    assert "rename" not in kinds


@pytest.mark.parametrize("features", [NETNS, VM, STIFF], ids=["netns", "vm", "stiff"])
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pair=st.tuples(labs(HOST_LANS), labs(HOST_LANS)))
def test_a_change_costs_what_the_provider_says_it_costs(features, pair, monkeypatch):
    monkeypatch.setattr(
        "labiac.provider.items.backend", lambda _name: SimpleNamespace(features=features)
    )
    try:
        old, new = (resolve(from_data(lab)) for lab in pair)
    except DescriptionError:
        reject()
    assert diff(old, old, boots=features.boots, live=features.live) == ()
    found = {(each.kind, each.item): each.effect for each in changes(old, new, features)}
    remade = {
        name for (kind, name), cost in found.items() if (kind, cost) == ("network", "replace")
    }
    for now in (*new.networks, *new.machines):
        kind = "machine" if isinstance(now, Machine) else "network"
        was = next((each for each in (*old.networks, *old.machines) if each.name == now.name), None)
        if was is not None:
            assert found.get((kind, now.name)) == engine_says(kind, was, now, remade)


def engine_says(kind, was, now, remade):
    """Return what the provider says of a change, where the engine makes the LANs *remade* anew."""
    args = MachineArgs if kind == "machine" else NetworkArgs
    whose = {"copy": {"lab": "small", "student": "local", "backend": "netns"}}
    olds, news = ({**to_camel(to_data(each)), **whose} for each in (was, now))
    if kind == "machine":
        plugs = {nic.network for nic in now.nics}
        olds["networkIds"] = sorted(plugs)
        news["networkIds"] = [UNKNOWN if name in remade else name for name in sorted(plugs)]
    effects = [each.effect for each in Items(kind, type(now), args).diff(olds, news).changes]
    return worst(effects) if effects else None


def other(name, value):
    """Return a value of field *name* that is not *value*."""
    if is_dataclass(value):
        first = fields(value)[0].name
        return replace(value, **{first: other(first, getattr(value, first))})
    known = OTHERS.get(name) or OTHERS.get(type(value))
    if known:
        return next(each for each in known if each != value and each is not None)
    return value + 1 if isinstance(value, int | float) else "10.0.77.0/24"


NIC = planned().machine("pc1").nics[0]
SILENT = {"host_name"}
"""It follows from the lab, the student and the name."""


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (item, field.name)
        for item in (planned().machine("pc1"), planned().network("lan1"))
        for field in fields(item)
        if field.name not in SILENT
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_field_that_changes_is_said(item, field):
    said = differences(item, replace(item, **{field: other(field, getattr(item, field))}))
    assert said
    assert "order" not in said[0].field


def test_what_a_router_says_in_its_protocol_is_said():
    r1 = replace(planned().machine("r1"), speaker=SPEAKER)
    peers = (*SPEAKER.peers, Peer("10.0.1.3", 65003))
    now = replace(SPEAKER, asn=65009, peers=peers, patient=("eth0",))
    assert differences(r1, replace(r1, speaker=now)) == (
        ("AS", "65001", "65009"),
        ("neighbour", None, "10.0.1.3 AS 65003"),
        ("slow timers on", None, "eth0"),
    )


@pytest.mark.parametrize("field", [field.name for field in fields(Nic) if field.name != "name"])
def test_every_field_of_a_nic_that_changes_is_said(field):
    pc1 = planned().machine("pc1")
    nic = replace(NIC, **{field: other(field, getattr(NIC, field))})
    (said,) = differences(pc1, replace(pc1, nics=(nic,)))
    assert said.field.startswith("eth0")


@pytest.mark.parametrize("field", [field.name for field in fields(Impairments)])
def test_every_impairment_that_changes_is_said(field):
    pc1 = planned().machine("pc1")
    nic = replace(NIC, impair=replace(NIC.impair, **{field: 7}))
    (said,) = differences(pc1, replace(pc1, nics=(nic,)))
    assert "7" in said.now
