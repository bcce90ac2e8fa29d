"""An IDS on a simulated Hyper-V host: the mirroring of ports."""

from __future__ import annotations

from dataclasses import replace

from tests.backends.hyperv.world import Machine

LAB = {
    "lans": {"lan1": {}, "lan2": {}},
    "middleboxes": {"ids9": {"role": "ids", "lans": ["lan1", "lan2"], "watches": ["lan1"]}},
    "pcs": {"pc1": {"lan": "lan1"}, "pc2": {"lan": "lan2"}},
}


def modes(server):
    """Return what each adapter is in the mirroring of ports, by machine."""
    found = server.store.look().machines
    return {vm.Name: [card.PortMirroringMode for card in vm.adapters] for vm in found}


def test_who_listens_gets_copies_of_what_the_others_send_and_may_send_from_no_other_mac(
    lab, server
):
    made = lab(LAB)
    assert server.backend.check(made.plan) == []
    made.up()
    assert modes(server) == {
        "lab-ana-ids9": ["Destination", "None"],
        "lab-ana-pc1": ["Source"],
        "lab-ana-pc2": ["None"],
    }
    (ids,) = (vm for vm in server.store.look().machines if vm.Name == "lab-ana-ids9")
    assert [card.MacAddressSpoofing for card in ids.adapters] == ["Off", "Off"]
    assert made.read() == list(made.items())


def test_a_lan_is_watched_and_no_more_while_its_machines_run(lab, server):
    made = lab(LAB)
    made.up()
    lan, pc1 = made.plan.networks[0], made.ref("pc1")
    server.backend.start(pc1)
    for watched, mode in ((False, "None"), (True, "Source")):
        now, was = (replace(lan, watched=each) for each in (watched, not watched))
        assert server.backend.update(made.ref(lan), was, now).item == now
        assert modes(server)["lab-ana-pc1"] == [mode]
        assert server.backend.read(pc1).running
    assert "Stop-VM" not in server.store.look().calls


def test_a_port_that_copies_no_more_shows_at_its_lan_and_up_mends_it(lab, server):
    made = lab(LAB)
    made.up()
    with server.store.open() as world:
        (pc1,) = (vm for vm in world.machines if vm.Name == "lab-ana-pc1")
        pc1.adapters[0].PortMirroringMode = "None"
    lan = made.plan.networks[0]
    assert server.backend.read(made.ref(lan)).item == replace(lan, watched=False)
    made.up()
    assert made.read() == list(made.items())
    assert modes(server)["lab-ana-pc1"] == ["Source"]


def test_an_adapter_that_does_not_listen_any_more_shows_at_its_machine(lab, server):
    made = lab(LAB)
    made.up()
    with server.store.open() as world:
        (ids,) = (vm for vm in world.machines if vm.Name == "lab-ana-ids9")
        ids.adapters[0].PortMirroringMode = "Source"
    there = server.backend.read(made.ref("ids9")).item.nics[0]
    assert (there.listens, there.promiscuous) == (False, False)
    made.up()
    assert made.read() == list(made.items())


def test_a_machine_of_somebody_else_on_a_watched_lan_is_left_alone(lab, server):
    made = lab(LAB)
    made.up()
    with server.store.open() as world:
        (pc1,) = (vm for vm in world.machines if vm.Name == "lab-ana-pc1")
        other = Machine("lab-ana-theirs", 2, 1 << 29, r"C:\theirs")
        other.adapters = [replace(pc1.adapters[0], VMId=other.Id, PortMirroringMode="None")]
        world.machines.append(other)
    made.up()
    assert modes(server)["lab-ana-theirs"] == ["None"]
    assert made.read() == list(made.items())
