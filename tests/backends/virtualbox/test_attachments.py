"""Every way to attach a NIC, on the real VBoxManage: written, read back, changed, removed."""

from dataclasses import replace
from itertools import combinations

import pytest

from labiac.backends.mark import uuid_of
from labiac.backends.virtualbox import doors, machines
from labiac.backends.virtualbox.manage import manage
from labiac.plan.model import Forward, Impairments
from tests.backends.virtualbox.conftest import Lab

pytestmark = pytest.mark.slow

LANS = {
    "lan1": {},
    "lan2": {},
    "out": {"type": "nat"},
    "wall": {"type": "bridged", "interface": "eth0"},
}
LAN = {"lan": "lan1"}
FORWARD = {"host_port": 2201, "port": 22}
TUNNEL = {"attach": "generic", "driver": "UDPTunnel"}
ATTACHMENTS = {
    "not attached": {"attach": "none"},
    "NAT": {"attach": "nat"},
    "NAT with port forwards": {
        "attach": "nat",
        "forwards": [FORWARD, {"host_port": 5353, "port": 53, "protocol": "udp"}],
    },
    "NAT network": {"lan": "out"},
    "bridged": {"lan": "wall"},
    "internal network": LAN,
    "generic driver": {**TUNNEL, "properties": {"dest": "192.0.2.7", "sport": "7001"}},
}
DETAILS = {
    "another LAN": {"lan": "lan2"},
    "cable out": {**LAN, "connected": False},
    "promiscuous": {**LAN, "promiscuous": True},
    "another model": {**LAN, "model": "e1000"},
    "VirtualBox's name of a model": {**LAN, "model": "Am79C973"},
    "MAC of choice": {**LAN, "mac": "02:00:00:00:00:17"},
    "limited rate": {**LAN, "impair": {"rate_kbit": 1000}},
    "another rate": {**LAN, "impair": {"rate_kbit": 20_000}},
    "another port forwarded": {"attach": "nat", "forwards": [{**FORWARD, "port": 80}]},
    "other properties": {**TUNNEL, "properties": {"dest": "192.0.2.8"}},
    "another driver": {"attach": "generic", "driver": "VDE", "properties": {"network": "/run/x"}},
}
ALL = ATTACHMENTS | DETAILS


def nodes(nic):
    """Return a lab's PCs: one with *nic*, which a plain NIC follows."""
    return {"pcs": {"pc1": {"nics": [nic, {"lan": "lan2"}]}}}


@pytest.fixture(scope="module")
def walker(virtualbox_settings):
    """The one lab that all rows are written to, one after the other."""
    walker = {}
    yield walker
    with pytest.MonkeyPatch.context() as patch:
        for name, value in virtualbox_settings.items():
            patch.setenv(name, value)
        if "lab" in walker:
            walker["lab"].down()


@pytest.fixture
def pc1(virtualbox, walker):
    """Make what pc1 is to be, of what the last row has left; return it as it is then."""
    if "lab" not in walker:
        walker["lab"] = Lab(virtualbox, {"lans": LANS, **nodes(LAN)})
        walker["lab"].up()
    lab = walker["lab"]

    def write(nic):
        wanted = lab.planned(nodes(nic)).machine("pc1")
        observed = virtualbox.create(lab.copy, wanted)
        assert observed.item == virtualbox.read(observed.ref).item
        assert observed.item == wanted
        return observed.item

    return write


@pytest.mark.parametrize("nic", ALL.values(), ids=ALL)
def test_it_is_written_read_back_changed_and_removed(pc1, nic):
    pc1(nic)
    pc1({**LAN, "promiscuous": True, "impair": {"rate_kbit": 500}})
    pc1(nic)
    pc1({"attach": "none"})


def test_every_attachment_follows_every_other(pc1):
    for one, other in combinations(ATTACHMENTS.values(), 2):
        for nic in (one, other, one):
            pc1(nic)


def test_what_is_as_wanted_is_not_written_again(virtualbox, lab, monkeypatch):
    made = lab({"lans": LANS, **nodes(ATTACHMENTS["NAT with port forwards"])})
    made.up()
    said = []

    def noted(*call, **told):
        said.append(call[0])
        return manage(*call, **told)

    monkeypatch.setattr(machines, "manage", noted)
    virtualbox.create(made.copy, made.plan.machine("pc1"))
    assert said == ["showvminfo", "showvminfo"]


BY_HAND = {
    "another LAN": (["--nic1=intnet", "--intnet1={prefix}lan2"], {"network": "lan2"}),
    "no LAN": (["--nic1=null"], {"attach": "none", "network": ""}),
    "a NAT": (["--nic1=nat"], {"attach": "nat", "network": ""}),
    "another MAC": (["--mac-address1=0800270000AA"], {"mac": "08:00:27:00:00:aa"}),
    "the cable out": (["--cable-connected1=off"], {"connected": False}),
    "another model": (["--nic-type1=82545EM"], {"model": "82545EM"}),
    "promiscuous": (["--nic-promisc1=allow-vms"], {"promiscuous": True}),
    "a generic driver": (
        ["--nic1=generic", "--nic-generic-drv1=UDPTunnel", "--nic-property1=dest=192.0.2.7"],
        {
            "attach": "generic",
            "network": "",
            "driver": "UDPTunnel",
            "properties": (("dest", "192.0.2.7"),),
        },
    ),
    "a port forwarded": (
        ["--nic1=nat", "--nat-pf1", "mine,tcp,,8022,,22"],
        {"attach": "nat", "network": "", "forwards": (Forward("tcp", 8022, "", 22, ""),)},
    ),
}


@pytest.mark.parametrize(("options", "seen"), BY_HAND.values(), ids=BY_HAND)
def test_what_was_changed_by_hand_is_seen_and_mended(pc1, walker, options, seen):
    planned, lab = pc1(LAN), walker["lab"]
    prefix = f"{lab.plan.lab}-ana-"
    uuid = str(uuid_of(lab.ref(planned)))
    manage("modifyvm", uuid, *(option.format(prefix=prefix) for option in options))
    assert lab.read(planned).nics == (replace(planned.nics[0], **seen), planned.nics[1])
    assert pc1(LAN) == planned


def test_a_nic_taken_out_or_put_in_by_hand_is_seen_and_mended(pc1, walker):
    planned, lab = pc1(LAN), walker["lab"]
    uuid = str(uuid_of(lab.ref(planned)))
    manage("modifyvm", uuid, "--nic2=none", "--nic4=nat", "--mac-address4=0800270000BB")
    seen = lab.read(planned).nics
    assert [nic.name for nic in seen] == ["eth0", "eth3"]
    assert (seen[1].attach, seen[1].mac) == ("nat", "08:00:27:00:00:bb")
    assert pc1(LAN) == planned


@pytest.mark.parametrize(
    "option", ["--nic3=none", "--cable-connected3=off", "--nat-net3=10.9.9.0/24", "--nic3=intnet"]
)
def test_labiacs_own_nic_changed_by_hand_is_seen_and_mended(pc1, walker, option):
    planned, lab = pc1(LAN), walker["lab"]
    manage("modifyvm", str(uuid_of(lab.ref(planned))), option)
    assert lab.read(planned) == replace(planned, management=None)
    assert pc1(LAN) == planned


def test_a_port_that_leads_elsewhere_is_seen_and_mended(pc1, walker):
    planned, lab = pc1(LAN), walker["lab"]
    uuid = str(uuid_of(lab.ref(planned)))
    rule = f"labiac,tcp,127.0.0.1,{doors.port(planned) + 1},,22"
    manage("modifyvm", uuid, "--nat-pf3", "delete", "labiac", "--nat-pf3", rule)
    assert lab.read(planned) == replace(planned, management=None)
    assert pc1(LAN) == planned


def test_a_rate_changed_by_hand_is_seen_and_mended(pc1, walker):
    limited = {**LAN, "impair": {"rate_kbit": 1000}}
    planned, lab = pc1(limited), walker["lab"]
    manage("bandwidthctl", str(uuid_of(lab.ref(planned))), "set", "nic1", "--limit=64k")
    assert lab.read(planned).nics[0].impair == Impairments(0, 0, 0, 64)
    assert pc1(limited) == planned


def test_a_machine_has_up_to_36_nics_and_goes_back_to_one(virtualbox, lab):
    made = lab({"lans": {"lan1": {}}, "pcs": {"pc1": {"nics": [LAN] * 36}}, "management": "none"})
    for machine in made.up()[1:]:
        assert machine.item == made.plan.machine("pc1")
    for count in (9, 8, 1):
        fewer = made.planned({"pcs": {"pc1": {"nics": [LAN] * count}}}).machine("pc1")
        assert virtualbox.create(made.copy, fewer).item == fewer
        assert made.read(fewer) == fewer
