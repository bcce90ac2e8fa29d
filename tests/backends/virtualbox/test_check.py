"""What VirtualBox can't make, or not here, is refused with its place and the way out."""

import re

import pytest

from labiac.backends import nics
from labiac.backends.virtualbox import check, host, manage
from labiac.plan.model import unstarted
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

LANS = {"lan1": {}, "out": {"type": "nat"}}
ONE_PC = {"pcs": {"pc1": {"lan": "lan1"}}}
NETWORKS_CONF = """\
# what the host may have
* 10.0.0.0/8 192.168.56.0/21
* fd00::/8
"""


def planned(description):
    lab = from_data({"name": "odd", "lans": LANS, **description}, "test")
    return resolve(lab, "ana", "virtualbox")


def problems(description):
    """Return the problem of each field of a lab, without those of this host."""
    plan = planned(description)
    found = [each for item in plan.networks for each in check._network(item)]
    found += [each for item in plan.machines for each in check._machine(item)]
    return {each.field: each for each in (*found, *nics.problems("virtualbox", plan))}


def test_a_lab_with_every_attachment_can_be_made():
    nics = [
        {"lan": "lan1", "model": "Am79C973", "impair": {"rate_kbit": 100}},
        {"lan": "out"},
        {"attach": "none"},
        {"attach": "nat", "forwards": [{"host_port": 2201, "port": 22}]},
        {"attach": "generic", "driver": "UDPTunnel", "properties": {"dest": "192.0.2.7"}},
    ]
    assert problems({"pcs": {"pc1": {"nics": nics}}}) == {}


@pytest.mark.parametrize(
    ("nic", "field", "why"),
    [
        ({"lan": "lan1", "model": "rtl8139"}, "model", r"no NIC model 'rtl8139'"),
        ({"lan": "lan1", "impair": {"delay_ms": 5}}, "impair", "neither delays nor loses"),
        ({"lan": "lan1", "impair": {"loss_percent": 5}}, "impair", "neither delays nor loses"),
    ],
)
def test_a_nic_that_can_not_be_made_is_refused_at_its_place(nic, field, why):
    (problem,) = problems({"pcs": {"pc1": {"nics": [nic]}}}).values()
    assert problem.field == f"pcs.pc1.nics[0].{field}"
    assert problem.where == "virtualbox pc1"
    assert problem.fix
    assert re.search(why, problem.problem)


def test_more_than_36_nics_are_refused():
    found = problems(
        {"management": "none", "routers": {"r1": {"nics": [{"lan": "lan1"}] * 37}}},
    )
    assert "37 NICs are more than the 36" in found["routers.r1.nics"].problem
    assert problems({"routers": {"r1": {"nics": [{"lan": "lan1"}] * 35}}}) == {}


def test_labiacs_own_nic_takes_a_slot_too():
    router = {"routers": {"r1": {"nics": [{"lan": "lan1"}] * 36}}}
    assert "routers.r1.nics" not in problems({"management": "none", **router})
    refused = problems(router)["routers.r1.nics"]
    assert "37 NICs, one of them labiac's own, are more" in refused.problem
    assert "management: none" in refused.fix


def test_a_mac_that_is_there_twice_is_found():
    nic = {"lan": "lan1", "mac": "08:00:27:00:00:01"}
    (problem,) = problems({"pcs": {"pc1": {"nics": [nic, nic]}}}).values()
    assert problem.field == "pcs.pc1.nics[1].mac"
    assert problem.problem == "08:00:27:00:00:01 is also pc1 eth0's"


@pytest.mark.parametrize(
    ("lan", "field", "why"),
    [
        ({"type": "nat", "ipv4": "10.0.5.0/24", "ipv6": "fd00:5::/64"}, "ipv6", "IPv6 prefix"),
        ({"type": "nat", "host": {"ipv4": "10.0.1.9"}}, "host.ipv4", "the first, 10.0.1.1"),
        ({"type": "host", "host": {"router": True}}, "host.router", "no.* make a router"),
        ({"type": "host", "ipv4": "none", "ipv6": "fd00:5::/64"}, "ipv4", "by the host's IPv4"),
        ({"type": "host", "ipv4": "10.0.5.0/24", "ipv6": "fd00:5::/64"}, "ipv6", "no IPv6"),
    ],
)
def test_a_lan_that_can_not_be_made_is_refused_at_its_place(lan, field, why):
    problem = problems({"lans": {"lan1": lan}, **ONE_PC})[f"lans.lan1.{field}"]
    assert problem.where == "virtualbox lan1"
    assert problem.fix
    assert re.search(why, problem.problem)


def test_vlans_are_no_problem_they_become_switches():
    lans = {"lan1": {"vlans": {"red": 10}}}
    plan = planned({"lans": lans, "pcs": {"pc1": {"nics": [{"lan": "lan1", "access": "red"}]}}})
    assert "switch" in {machine.role for machine in plan.machines}
    assert not any(network.vlans for network in plan.networks)


def test_the_cable_of_a_lan_with_vlans_is_refused_at_the_place_of_the_lan():
    lan = {"type": "nat", "ipv4": "10.0.5.0/24", "ipv6": "fd00:5::/64", "vlans": {"red": 10}}
    assert "lans.lan1.ipv6" in problems({"lans": {"lan1": lan}, **ONE_PC})


def test_a_range_that_the_host_may_not_have_is_refused_with_the_line_that_allows_it(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(host, "_RANGES", tmp_path / "networks.conf")
    monkeypatch.setattr(host, "_ADAPTERS", tmp_path)
    lan = planned({"lans": {"lan1": {"type": "host"}}, **ONE_PC}).network("lan1")
    (problem,) = host._host_only(lan)
    assert "the host have 10.0.1.1: it allows 192.168.56.0/21" in problem.problem
    assert "echo '* 192.168.56.0/21 10.0.0.0/8' | sudo tee -a " in problem.fix  # both stay allowed
    (tmp_path / "networks.conf").write_text("* 192.168.0.0/16 10.0.0/8 nonsense\n")
    (problem,) = host._host_only(lan)
    assert "it allows 192.168.0.0/16 (" in problem.problem
    assert "echo '* 10.0.0.0/8' | sudo tee -a " in problem.fix
    (tmp_path / "networks.conf").write_text(NETWORKS_CONF)
    assert list(host._host_only(lan)) == []


def test_a_missing_driver_for_the_hosts_own_adapters_is_told_before_anything_is_made(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(host, "_ADAPTERS", tmp_path / "vboxnetctl")
    lan = {"type": "host", "ipv4": "192.168.56.0/24"}
    (problem,) = host._host_only(planned({"lans": {"lan1": lan}, **ONE_PC}).network("lan1"))
    assert "driver for the host's own adapters is not loaded" in problem.problem
    assert "modprobe vboxnetadp" in problem.fix


def test_no_virtualbox_is_one_problem_with_where_to_get_it(monkeypatch):
    monkeypatch.setattr(host, "program", lambda: "")
    (problem,) = check.problems(planned(ONE_PC))
    assert problem.problem == "there is no VBoxManage"
    assert manage.PROGRAM in problem.fix


def test_a_missing_driver_stops_what_would_start_and_is_told_of_what_would_not(
    virtualbox, monkeypatch, tmp_path
):
    monkeypatch.setattr(host, "_DRIVER", tmp_path / "vboxdrv")
    for plan, level in ((planned(ONE_PC), "error"), (unstarted(planned(ONE_PC)), "warning")):
        (problem,) = virtualbox.check(plan)
        assert problem.level == level
        assert "kernel driver is not loaded" in problem.problem
        assert "modprobe vboxdrv" in problem.fix
    (tmp_path / "vboxdrv").touch()
    assert virtualbox.check(planned(ONE_PC)) == []


def test_what_this_host_lacks_is_told(virtualbox, monkeypatch, tmp_path):
    (tmp_path / "vboxdrv").touch()
    monkeypatch.setattr(host, "_DRIVER", tmp_path / "vboxdrv")
    large = {"lan": "lan1", "memory_mib": 1 << 16, "cpus": 64, "image": "nobodys"}
    lans = {"lan1": {"type": "bridged", "interface": "nosuch0"}}
    pcs = {f"pc{number}": large for number in range(1, 33)}
    said = " ".join(map(str, virtualbox.check(planned({"lans": lans, "pcs": pcs}))))
    assert "can't be bridged to 'nosuch0'" in said
    assert "there is no image 'nobodys'" in said
    assert "32 machines want" in said
    assert "64 CPUs are more than" in said


@pytest.mark.slow
@pytest.mark.usefixtures("power")
def test_a_subnet_that_the_host_has_already_is_refused_before_anything_is_made():
    hosted = planned({"lans": {"lan1": {"type": "host"}}, **ONE_PC})
    assert list(host._clashes(hosted)) == []
    manage.manage("hostonlyif", "create")
    manage.manage("hostonlyif", "ipconfig", "vboxnet0", "--ip=10.0.1.77", "--netmask=255.255.255.0")
    (problem,) = host._clashes(hosted)
    assert problem.field == "lans.lan1"
    assert "10.0.1.77/24 on vboxnet0 already" in problem.problem
    assert "choose another subnet here, or remove vboxnet0" in problem.fix


@pytest.mark.slow
@pytest.mark.usefixtures("power")
def test_a_subnet_of_another_copy_is_refused_and_ones_own_is_not(virtualbox, lab):
    made = lab({"lans": {"lan1": {"type": "host"}}, **ONE_PC})
    virtualbox.create(made.copy, made.plan.network("lan1"))
    assert list(host._clashes(made.plan)) == []
    (problem,) = host._clashes(planned({"lans": {"lan7": {"type": "host", "ipv4": "10.0.1.0/24"}}}))
    assert f"in lan1 of {made.plan.lab} of ana" in problem.problem
