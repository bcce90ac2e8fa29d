"""What can't be made of virtual machines is refused with its place and the way out."""

import os
import re

import pytest

from labiac.backends import nics, open_backend
from labiac.backends.libvirt import check, host, kernel, needs
from labiac.backends.libvirt.connection import URI
from labiac.cli.comparison import compare
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

ENDS = {"dest": "192.0.2.7", "dport": "7001", "sport": "7001"}
TUNNEL = {"attach": "generic", "driver": "UDPTunnel"}
LANS = {"lan1": {}, "out": {"type": "nat"}}


def problems(description):
    """Return the problem of each field of a lab, without those of this host."""
    plan = resolve(
        from_data({"name": "odd", "lans": LANS, **description}, "test"), "ana", "libvirt"
    )
    found = [each for item in plan.networks for each in check._network(item)]
    found += [each for item in plan.machines for each in check._machine(item)]
    found += (*nics.deaf("libvirt", plan, "macvtap"), *nics.problems("libvirt", plan))
    found += nics.listening("libvirt", plan)
    return {each.field: each for each in found}


def test_an_ids_is_refused_with_the_way_out():
    box = {"box": {"role": "ids", "lans": ["lan1", "out"], "watches": ["lan1"]}}
    ((field, problem),) = problems({"middleboxes": box}).items()
    assert (field, "copy no frames" in problem.problem) == ("middleboxes.box.nics[0]", True)
    assert "netns" in problem.fix


def test_a_plain_lab_can_be_made():
    natted = {"attach": "nat", "forwards": [{"host_port": 8080, "port": 80}]}
    pcs = {"pc1": {"lan": "lan1"}, "pc2": {"nics": [natted, {**TUNNEL, "properties": ENDS}]}}
    assert problems({"pcs": pcs}) == {}


@pytest.mark.parametrize(
    ("nic", "field", "why"),
    [
        ({"attach": "generic", "driver": "VDE"}, "driver", "no generic driver VDE"),
        ({**TUNNEL, "properties": {**ENDS, "dest": "home"}}, "properties.dest", "IPv4 address"),
        ({**TUNNEL, "properties": {**ENDS, "sport": "0"}}, "properties.sport", "1-65535"),
        ({**TUNNEL, "properties": {**ENDS, "dport": ""}}, "properties.dport", "1-65535"),
        ({**TUNNEL, "properties": {**ENDS, "ttl": "9"}}, "properties.ttl", "has no property ttl"),
        (
            {"attach": "nat", "forwards": [{"host_port": 80, "port": 80, "host_address": "::1"}]},
            "forwards[0].host_address",
            "listens on no ::1",
        ),
        ({"lan": "lan1", "impair": {"delay_ms": 5}}, "impair", "neither delays nor loses"),
        ({"lan": "lan1", "impair": {"loss_percent": 5}}, "impair", "neither delays nor loses"),
    ],
)
def test_a_nic_that_libvirt_can_not_make_is_refused_at_its_place(nic, field, why):
    (problem,) = problems({"pcs": {"pc1": {"nics": [nic]}}}).values()
    assert problem.field == f"pcs.pc1.nics[0].{field}"
    assert problem.where == "libvirt pc1"
    assert problem.fix
    assert re.search(why, problem.problem)


def test_a_mac_that_two_nics_have_is_refused_at_the_second():
    nic = {"lan": "lan1", "mac": "52:54:00:00:00:01"}
    (problem,) = problems({"pcs": {"pc1": {"nics": [nic, nic]}}}).values()
    assert (problem.where, problem.field) == ("libvirt pc1", "pcs.pc1.nics[1].mac")
    assert problem.problem == "52:54:00:00:00:01 is also pc1 eth0's"


def test_a_limited_rate_is_no_problem():
    nic = {"lan": "lan1", "impair": {"rate_kbit": 1000}}
    assert problems({"pcs": {"pc1": {"nics": [nic]}}}) == {}


VLANS = {
    "routers": {"r1": {"nics": [{"lan": "lan1", "trunk": ["red"]}]}},
    "pcs": {"pc1": {"nics": [{"lan": "lan1", "access": "red"}]}},
}


@pytest.mark.parametrize("kind", ["internal", "host", "nat"])
def test_vlans_are_the_matter_of_a_switch_that_is_a_machine(kind):
    assert problems({"lans": {"lan1": {"type": kind, "vlans": {"red": 10}}}, **VLANS}) == {}


def test_a_switch_in_a_bridged_lan_hears_nothing_and_is_refused_at_the_lan():
    lan1 = {"type": "bridged", "interface": "eth9", "vlans": {"red": 10}}
    (problem,) = problems({"lans": {"lan1": lan1}, **VLANS}).values()
    assert (problem.where, problem.field) == ("libvirt lan1", "lans.lan1.type")
    assert problem.problem.startswith("a switch can't join lan1: libvirt bridges it by macvtap")


FORWARDS = [{"host_port": 8080, "to": "pc1", "port": 80}]
FORWARDED = {"lans": {"out": {"type": "nat", "forwards": FORWARDS}}, "pcs": {"pc1": {"lan": "out"}}}


def on(monkeypatch, where, description):
    """Return the problem of each field of a lab on the libvirt at *where*, which is not asked."""
    monkeypatch.setenv(URI, where)
    monkeypatch.setattr(host, "problems", lambda _plan: [])
    plan = resolve(from_data({"name": "odd", **description}, "test"), "ana", "libvirt")
    return {each.field: each for each in check.problems(plan)}


def test_a_port_of_a_lan_is_forwarded_by_this_host_alone(monkeypatch):
    assert on(monkeypatch, "qemu:///system", FORWARDED) == {}
    (problem,) = on(monkeypatch, "qemu+ssh://host/system", FORWARDED).values()
    assert (problem.where, problem.field) == ("libvirt out", "lans.out.forwards")
    assert "attach: nat" in problem.fix


@pytest.mark.parametrize("kind", [{"type": "host"}, {"type": "nat"}, {"type": "bridged"}])
def test_a_libvirt_of_a_user_has_internal_lans_alone(monkeypatch, kind):
    lans = {"lan1": {}, "out": {"interface": "eth9", **kind} if kind["type"] == "bridged" else kind}
    (problem,) = on(monkeypatch, "qemu:///session", {"lans": lans}).values()
    assert problem.field == "lans.out.type"
    assert f"no LAN of type {kind['type']}" in problem.problem
    assert "attach: nat" in problem.fix


def test_a_libvirt_of_a_user_limits_no_rate(monkeypatch):
    slow = {"lan": "lan1", "impair": {"rate_kbit": 1000}}
    lab = {"lans": {"lan1": {}}, "pcs": {"pc1": {"nics": [slow]}}}
    (problem,) = on(monkeypatch, "qemu:///session", lab).values()
    assert (problem.where, problem.field) == ("libvirt pc1", "pcs.pc1.nics[0].impair")
    assert "qemu:///system" in problem.fix


@pytest.fixture
def machine(tmp_path):
    """The files of a machine whose kernel lists its modules."""
    lists = tmp_path / "lib" / "modules" / os.uname().release
    lists.mkdir(parents=True)
    (tmp_path / "sys" / "module" / "bridge").mkdir(parents=True)
    (lists / "modules.dep").write_text("kernel/drivers/net/tun.ko.xz: kernel/net/x.ko.xz\n")
    (lists / "modules.builtin").write_text("kernel/net/netfilter/xt_MASQUERADE.ko\n")
    return tmp_path


def test_a_lan_that_the_kernel_can_not_make_is_told_with_what_it_lacks(machine):
    lans = {"lan1": {}, "out": {"type": "nat"}, "up": {"type": "bridged", "interface": "eth9"}}
    plan = resolve(from_data({"name": "odd", "lans": lans}, "test"), "ana", "libvirt")
    (problem,) = kernel.problems(plan, machine)
    assert (problem.field, problem.problem[-14:]) == ("lans.up.type", "CONFIG_MACVTAP")


SLOW = {
    "name": "odd",
    "lans": {"lan1": {}},
    "pcs": {"pc1": {"nics": [{"lan": "lan1", "impair": {"rate_kbit": 2000}}]}},
}


def test_a_rate_that_the_kernel_can_not_limit_is_told_with_what_it_lacks(machine):
    plan = resolve(from_data(SLOW, "test"), "ana", "libvirt")
    (problem,) = kernel.problems(plan, machine)
    assert problem.field == "pcs.pc1.nics[0].impair.rate_kbit"
    assert problem.problem.endswith(
        "CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_U32, CONFIG_NET_ACT_POLICE"
    )


@pytest.mark.parametrize("lacking", [{"CONFIG_NET_ACT_POLICE"}, set()])
def test_a_kernel_that_lists_no_modules_is_asked_how_it_was_made(monkeypatch, tmp_path, lacking):
    monkeypatch.setattr(kernel.kernel, "lacks", lacking.__contains__)
    plan = resolve(from_data(SLOW, "test"), "ana", "libvirt")
    found = list(kernel.problems(plan, tmp_path))
    assert [each.problem.rpartition(" ")[2] for each in found] == list(lacking)


def test_a_libvirt_of_a_user_elsewhere_is_refused_before_it_is_asked(monkeypatch):
    where = "qemu+ssh://host/session"
    monkeypatch.setenv(URI, where)
    monkeypatch.setattr(needs, "lacking", list)
    plan = resolve(from_data({"name": "odd", "lans": LANS}, "test"), "ana", "libvirt")
    problem = open_backend("libvirt").check(plan)[-1]
    assert problem.problem == f"{where} is a user's own on another host"
    assert "qemu+ssh://host/system" in problem.fix


@pytest.mark.parametrize(
    ("where", "nic", "price"),
    [
        ("qemu:///system", {"lan": "lan2"}, "live"),
        ("qemu:///system", {"lan": "lan2", "model": "e1000"}, "reseed"),
        ("qemu:///system", {**TUNNEL, "properties": ENDS}, "reseed"),
        ("qemu:///session", {"lan": "lan2"}, "reseed"),
        ("qemu:///session", {"attach": "nat"}, "live"),
    ],
)
def test_a_preview_tells_which_nic_a_guest_gets_while_it_runs(monkeypatch, where, nic, price):
    monkeypatch.setenv(URI, where)
    plans = [
        resolve(from_data(with_nics(*nics), "test"), "ana", "libvirt")
        for nics in ([{"lan": "lan1"}], [{"lan": "lan1"}, nic])
    ]
    ((change, _disturbed),) = compare(*plans, open_backend("libvirt").features).changes
    assert (change.item, change.effect) == ("pc1", price)


def with_nics(*nics):
    """Return a lab of two LANs and a PC with *nics*."""
    lans = {"lan1": {}, "lan2": {}}
    return {"name": "odd", "lans": lans, "pcs": {"pc1": {"nics": list(nics)}}}
