"""Machines on a simulated Hyper-V host."""

from dataclasses import replace

import pytest

from labiac.backends.base import Copy
from labiac.backends.hyperv import host, machines
from labiac.backends.hyperv.shell import LostError, RefusedError
from labiac.errors import BackendError, ForeignError, UsageError
from labiac.plan.model import Impairments, unstarted
from labiac.plan.resolve import plan_file
from tests.backends.hyperv.world import Adapter, Fault, Machine, Switch

ONE = {"lans": {"lan1": {}}, "pcs": {"pc1": {"lan": "lan1"}}}
NAT = {**ONE, "lans": {"lan1": {"type": "nat", "ipv4": "10.9.1.0/24"}}}
VLANS = {
    "lans": {"lan1": {"vlans": {"red": 10, "blue": 20}}},
    "routers": {"r1": {"nics": [{"lan": "lan1", "trunk": ["blue"], "native": "red"}]}},
    "pcs": {"pc1": {"nics": [{"lan": "lan1", "access": "blue"}]}},
}
TRUNK = {
    "lans": {"lan1": {"ipv4": "none", "vlans": {"red": 10, "blue": 20}, "switches": ["s1", "s2"]}},
    "routers": {"r1": {"lan": "lan1", "trunk": ["red", "blue"]}},
    "pcs": {"pc1": {"nics": [{"lan": "lan1", "access": "blue", "switch": "s2"}]}},
}
BRIDGE = {
    "lans": {"lan1": {}, "lan2": {}},
    "middleboxes": {"box": {"role": "bridge", "lans": ["lan1", "lan2"]}},
}


def test_a_machine_is_what_labs_need_and_nobody_else_uses(lab, server):
    lab(ONE).up()
    (machine,) = server.store.look().machines
    assert machine.policy["AutomaticCheckpointsEnabled"] is False
    assert machine.policy["AutomaticStartAction"] == "Nothing"
    assert machine.secure_boot_template == "MicrosoftUEFICertificateAuthority"
    assert machine.com == {1: r"\\.\pipe\lab-ana-pc1"}
    assert [card.Name for card in machine.adapters] == ["eth0"]
    disk = server.store.look().file(machine.disks[0].Path)
    assert server.store.look().file(disk.parent).IsReadOnly


def test_vlans_are_the_switches_own(lab, server):
    made = lab(VLANS)
    made.up()
    cards = {vm.Name: vm.adapters[0].vlan for vm in server.store.look().machines}
    assert cards["lab-ana-pc1"]["AccessVlanId"] == 20
    assert cards["lab-ana-r1"]["AllowedVlanIdListString"] == "10,20"
    assert cards["lab-ana-r1"]["NativeVlanId"] == 10
    assert made.read() == list(made.items())


def test_cables_of_switches_that_are_machines_let_pass_what_is_tagged_there(lab, server):
    made = lab(TRUNK)
    made.up()
    world = server.store.look()
    cards = {(vm.Name, card.Name): card for vm in world.machines for card in vm.adapters}
    trunks = (("r1", "eth0"), ("s1", "r1_eth0"), ("s1", "s2"), ("s2", "s1"))
    for name, nic in trunks:
        vlan = cards.pop((f"lab-ana-{name}", nic)).vlan
        assert (vlan["AllowedVlanIdListString"], vlan["NativeVlanId"]) == ("10,20", 0)
    assert not any(card.vlan.get("AccessVlanId") for card in cards.values())
    assert made.read() == list(made.items())
    with server.store.open() as world:
        next(vm for vm in world.machines if vm.Name.endswith("pc1")).adapters[0].vlan = {
            "OperationMode": "Access", "AccessVlanId": 30,
        }  # fmt: skip
    drifted = {item.name: item for item in made.read()}
    assert drifted["pc1"].nics[0].vlan == "30"
    made.up()
    assert made.read() == list(made.items())


def test_only_a_node_that_bridges_may_send_from_other_macs(lab, server):
    made = lab({**BRIDGE, "pcs": {"pc1": {"lan": "lan1"}}})
    made.up()
    spoof = {vm.Name: vm.adapters[0].MacAddressSpoofing for vm in server.store.look().machines}
    assert spoof == {"lab-ana-box": "On", "lab-ana-pc1": "Off"}


def test_what_was_changed_by_hand_is_found_and_mended(lab, server):
    made = lab(VLANS)
    made.up()
    with server.store.open() as world:
        router, pc = (
            next(vm for vm in world.machines if vm.Name.endswith(name)) for name in ("r1", "pc1")
        )
        router.MemoryStartup, router.adapters[0].switch = 1 << 30, None
        router.adapters[0].vlan["AllowedVlanIdListString"] = "10,30-31"
        pc.adapters[0].MacAddress = "00155D000001"
        pc.adapters[0].rate = 5_000_000
        pc.adapters.append(Adapter(pc.Id, "eth9"))
        pc.dvds[0].Path = None
    _, there, pc = made.read()
    assert there.memory_mib == 1024
    assert not there.nics[0].connected
    assert [sub.id for sub in there.nics[0].trunk] == [30, 31]
    assert (pc.nics[0].mac, pc.nics[0].impair.rate_kbit) == ("00:15:5d:00:00:01", 5000)
    assert pc.nics[1].name == "eth9"
    assert pc.seed == ()
    made.up()
    assert made.read() == list(made.items())


def test_a_machine_that_runs_is_off_while_it_changes_and_runs_again(lab, server):
    made = lab(ONE)
    made.up()
    ref, was = made.ref("pc1"), made.plan.machine("pc1")
    server.backend.start(ref)
    assert server.backend.read(ref).running
    nic = replace(was.nics[0], impair=Impairments(0.0, 0.0, 0.0, 2000))
    now = replace(was, memory_mib=1024, cpus=2, nics=(nic,), seed=was.seed[:1])
    observed = server.backend.update(ref, was, now)
    assert (observed.item, observed.running) == (now, True)


def test_a_machine_starts_stops_and_is_made_anew(lab, server):
    made = lab(ONE)
    made.up()
    ref = made.ref("pc1")
    for act, running in ((server.backend.start, True), (server.backend.stop, False)):
        act(ref)
        act(ref)
        assert server.backend.read(ref).running is running
    before = server.store.look().machines[0].Id
    server.backend.start(ref)
    assert server.backend.reset(ref).running
    assert server.store.look().machines[0].Id != before


def test_a_guest_that_does_not_heed_is_cut_off(lab, server, monkeypatch):
    monkeypatch.setattr(machines, "_SHUTDOWN_S", 0.1)
    made = lab(ONE)
    made.up()
    server.backend.start(made.ref("pc1"))
    with server.store.open() as world:
        world.machines[0].stubborn = True
    server.backend.stop(made.ref("pc1"))
    assert server.store.look().machines[0].State == "Off"


@pytest.mark.parametrize(("firmware", "made_as"), [("uefi", (2, "Off")), ("bios", (1, "On"))])
def test_the_firmware_is_chosen_by_the_host(lab, server, monkeypatch, firmware, made_as):
    monkeypatch.setenv(machines.FIRMWARE, firmware)
    made = lab(ONE)
    made.up()
    (machine,) = server.store.look().machines
    assert (machine.Generation, machine.secure_boot) == made_as
    server.backend.start(made.ref("pc1"))
    assert made.read() == list(made.items())


def test_a_firmware_that_there_is_not_is_refused(lab, monkeypatch):
    monkeypatch.setenv(machines.FIRMWARE, "coreboot")
    made = lab(ONE)
    with pytest.raises(UsageError, match="'coreboot' is none of secure, uefi, bios"):
        made.up()


def test_a_machine_of_somebody_else_is_left_alone(lab, server):
    with server.store.open() as world:
        world.machines.append(Machine("lab-ana-pc1", 2, 1 << 29, r"D:\own\lab-ana-pc1", "mine"))
    made = lab(ONE)
    with pytest.raises(ForeignError, match="lab-ana-pc1 that is not labiac's"):
        made.up()
    made.down()
    assert [vm.Notes for vm in server.store.look().machines] == ["mine"]


def test_of_two_machines_with_one_name_only_ours_is_touched(lab, server):
    made = lab(ONE)
    made.up()
    with server.store.open() as world:
        world.machines.insert(0, Machine("lab-ana-pc1", 2, 1 << 29, r"D:\own\lab-ana-pc1", "mine"))
    was = made.plan.machine("pc1")
    server.backend.update(made.ref("pc1"), was, replace(was, memory_mib=768))
    made.down()
    (left,) = server.store.look().machines
    assert (left.Notes, left.MemoryStartup) == ("mine", 1 << 29)


def test_of_two_switches_with_one_name_none_is_chosen(lab, server):
    made = lab(ONE)
    with server.store.open() as world:
        world.switches.append(Switch("lab-ana-lan1", "Private", ""))
        world.faults.append(
            Fault(
                "Get-VMSwitch",
                "InvalidParameter,Microsoft.HyperV.x",
                "InvalidArgument",
                "none",
                times=1,
            )
        )
    with pytest.raises(BackendError, match="two switches lab-ana-lan1"):
        made.up()


def test_files_go_only_when_their_disks_are_merged(lab, server, monkeypatch):
    monkeypatch.setattr(machines.files, "_POLL_S", 0)
    made = lab(ONE)
    made.up()
    with server.store.open() as world:
        disk = world.machines[0].disks[0]
        disk.Path = disk.Path.replace(".vhdx", "_1.avhdx")
        world.put(replace(world.file(disk.Path.replace("_1.avhdx", ".vhdx")), FullName=disk.Path))
    made.down()
    assert server.store.look().left() == []


def test_without_rights_the_fix_says_which(lab, server):
    with server.store.open() as world:
        said = "You do not have the required permission"
        world.faults.append(Fault("Get-VM", "AccessDenied,GetVM", "PermissionDenied", said))
    with pytest.raises(
        RefusedError, match=r"required permission.*\n.*AccessDenied.*\n  fix: .*Administrators"
    ):
        server.backend.read(lab(ONE).ref("pc1"))


@pytest.mark.slow
@pytest.mark.parametrize("management", ["none", "ssh"])
def test_whenever_the_host_ends_the_next_try_makes_it_whole_and_destroy_leaves_nothing(
    lab, server, management
):
    made, step = lab({**NAT, "management": management}), 0
    while True:
        step += 9
        with server.store.open() as world:
            world.dies_before = step
        try:
            made.up()
        except LostError:
            with server.store.open() as world:
                world.dies_before = 0
            made.up()
            assert made.read() == list(made.items())
            world = server.store.look()
            switches = 1 + (management == "ssh")
            assert (len(world.machines), len(world.switches)) == (1, switches)
            made.down()
            assert server.store.look().left() == []
        else:
            break
    assert step > 60


@pytest.mark.slow
@pytest.mark.parametrize("management", ["none", "ssh"])
def test_whenever_the_host_ends_while_it_deletes_the_next_try_leaves_nothing(
    lab, server, management
):
    made, step = lab({**NAT, "management": management}), 2
    while True:
        step += 4
        made.up()
        with server.store.open() as world:
            world.dies_before = step
        try:
            made.down()
        except LostError:
            with server.store.open() as world:
                world.dies_before = 0
            made.down()
            assert server.store.look().left() == []
        else:
            break
    assert step > 10


def test_the_closing_practical_takes_few_round_trips(server, monkeypatch):
    plan = unstarted(plan_file("three-lans", backend="hyperv"))
    copy = Copy(plan.lab, plan.student)
    server.backend.bring("debian")
    shell, trips = host._shell(), []
    real = shell.invoke
    monkeypatch.setattr(shell, "invoke", lambda *a, **k: trips.append(a) or real(*a, **k))
    refs = [server.backend.create(copy, item).ref for item in (*plan.networks, *plan.machines)]
    assert len(trips) <= 3 * len(plan.machines) + 2 * len(plan.networks)
    trips.clear()
    for ref in refs:
        server.backend.read(ref)
    assert len(trips) == len(refs)
    trips.clear()
    for ref in reversed(refs):
        server.backend.delete(ref)
    assert len(trips) == 2 * len(refs)
