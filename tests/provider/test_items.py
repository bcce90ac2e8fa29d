from __future__ import annotations

from dataclasses import replace

import grpc
import pytest

from labiac.backends.base import Copy, Features
from labiac.errors import BackendError, ForeignError
from labiac.plan.model import Route, SeedFile
from labiac.provider.lifecycle import copy_of
from labiac.provider.values import UNKNOWN, plain, secrets, struct
from tests.provider.conftest import half_made, inputs_of, planned

PLAN = planned()
R1, PC4, LAN1 = PLAN.machine("r1"), PLAN.machine("pc4"), PLAN.network("lan1")
R1_ID = "memory:practical/ana/machine/r1"


def test_a_machine_is_made_read_and_deleted_by_its_id_alone(plugin, memory, whose):
    inputs = inputs_of(R1, whose)
    identity, state = plugin.create("Machine", inputs)
    assert identity == R1_ID
    assert memory.read("practical/ana/machine/r1").item == R1
    assert plugin.read("Machine", identity, state, inputs) == (identity, state, inputs)
    plugin.delete("Machine", identity)
    plugin.delete("Machine", identity)
    assert plugin.read("Machine", identity, state, inputs) is None


def test_making_the_same_network_twice_adopts_the_first(plugin, memory, whose):
    inputs = inputs_of(LAN1, whose)
    assert plugin.create("Network", inputs) == plugin.create("Network", inputs)
    assert memory.read("practical/ana/network/lan1").item == LAN1


def test_unchanged_inputs_differ_in_nothing(plugin, whose):
    for kind, item in (("Machine", R1), ("Network", LAN1)):
        inputs = inputs_of(item, whose)
        _, state = plugin.create(kind, inputs)
        assert plugin.diff(kind, state, inputs) == ({}, [])


def test_a_machine_that_is_off_is_wanted_off_until_it_is_to_start(plugin, whose):
    off, on = (inputs_of(replace(R1, start=start), whose) for start in (False, True))
    state = {**off, "running": False}
    assert plugin.diff("Machine", state, off) == ({}, [])
    assert plugin.diff("Machine", state, on)[0] == {"running": "update", "start": "update"}
    assert plugin.update("Machine", R1_ID, state, on)["running"] is True


def test_a_host_is_where_a_machine_is_made_and_moves_none_that_is_up(plugin, memory, whose):
    inputs = inputs_of(R1, whose)
    assert copy_of({**inputs, "host": "two"}).host == "two"
    assert copy_of(inputs).host == ""
    identity, state = plugin.create("Machine", inputs)
    made = memory.read("practical/ana/machine/r1")
    elsewhere = {**inputs, "host": "two"}
    assert plugin.diff("Machine", state, elsewhere) == ({"host": "add"}, [])
    assert plugin.update("Machine", identity, state, elsewhere)["host"] == "two"
    assert memory.read("practical/ana/machine/r1") == made


def test_every_failure_of_a_machine_is_told_with_its_property_path(plugin, whose):
    inputs = inputs_of(R1, whose)
    inputs["nics"][0]["mac"] = "08:00:27"
    inputs["nics"][1]["addresses"] = ["10.0.2.1", "10.0.2.300/24"]
    inputs["routes"][0]["via"] = 7
    inputs["role"] = "toaster"
    inputs["cpus"] = 1.5
    inputs["colour"] = "red"
    del inputs["hostName"]
    inputs["copy"] = {**whose, "backend": "vmware"}
    assert plugin.failures("Machine", inputs) == {
        "nics[0].mac": "is '08:00:27', and must be six octets in lower case, colon separated",
        "nics[1].addresses[0]": "is '10.0.2.1', and must be an address with its prefix, "
        "such as 10.0.1.2/24",
        "nics[1].addresses[1]": "is '10.0.2.300/24', and must be an address with its prefix, "
        "such as 10.0.1.2/24",
        "routes[0].via": "is 7.0, and must be of type string",
        "role": "is 'toaster', and must be one of router, pc, firewall, nat, bridge, ids, switch",
        "cpus": "is 1.5, and must be of type integer",
        "colour": "is no property of MachineArgs",
        "hostName": "is required",
        "copy.backend": (
            "is 'vmware', and must be one of hyperv, incus, libvirt, memory, netns, virtualbox"
        ),
    }


def test_what_a_preview_does_not_know_yet_is_no_failure(plugin, whose):
    assert plugin.failures("Machine", {**inputs_of(R1, whose), "hostName": UNKNOWN}) == {}


def test_a_difference_is_told_property_by_property(plugin, memory, whose):
    _, state = plugin.create("Machine", inputs_of(R1, whose))
    route = Route("10.9.0.0/16", "10.0.2.9")
    changed = replace(R1, routes=(*R1.routes, route), memory_mib=1024)
    news = inputs_of(changed, whose)
    assert plugin.diff("Machine", state, news) == ({"routes[1]": "add", "memoryMib": "update"}, [])
    assert plugin.update("Machine", R1_ID, state, news)["memoryMib"] == 1024
    assert memory.read("practical/ana/machine/r1").item == changed


def test_another_name_on_the_host_takes_a_replacement(plugin, whose):
    _, state = plugin.create("Machine", inputs_of(R1, whose))
    changed, replaces = plugin.diff(
        "Machine", state, inputs_of(replace(R1, host_name="practical-ben-r1"), whose)
    )
    assert (changed, replaces) == ({"hostName": "update_replace"}, ["hostName"])


def test_another_student_takes_a_replacement(plugin, whose):
    _, state = plugin.create("Network", inputs_of(LAN1, whose))
    _, replaces = plugin.diff("Network", state, inputs_of(LAN1, {**whose, "student": "ben"}))
    assert replaces == ["copy"]


def test_a_network_made_anew_takes_its_machines_with_it(plugin, whose):
    inputs = {**inputs_of(R1, whose), "networkIds": ["memory:practical/ana/network/lan1"]}
    _, state = plugin.create("Machine", inputs)
    assert plugin.diff("Machine", state, {**inputs, "networkIds": ["other"]}) == ({}, [])
    _, replaces = plugin.diff("Machine", state, {**inputs, "networkIds": UNKNOWN})
    assert replaces == ["networkIds"]


def test_drift_is_told_field_by_field(plugin, memory, whose):
    inputs = inputs_of(R1, whose)
    identity, state = plugin.create("Machine", inputs)
    memory.create(Copy("practical", "ana"), replace(R1, routes=()))
    _, drifted, kept = plugin.read("Machine", identity, state, inputs)
    assert (drifted["routes"], kept["routes"]) == ([], inputs["routes"])
    assert plugin.diff("Machine", drifted, inputs)[0] == {"routes[0]": "add"}


def test_what_a_student_configures_on_their_own_node_is_no_drift(plugin, memory, whose):
    theirs = replace(R1, student=True, routes=())
    inputs = inputs_of(theirs, whose)
    identity, state = plugin.create("Machine", inputs)
    memory.create(Copy("practical", "ana"), replace(theirs, routes=R1.routes))
    assert plugin.read("Machine", identity, state, inputs) == (identity, state, inputs)


def test_a_change_elsewhere_leaves_what_a_student_configured(plugin, memory, whose):
    theirs = replace(R1, student=True, routes=())
    identity, state = plugin.create("Machine", inputs_of(theirs, whose))
    memory.create(Copy("practical", "ana"), replace(theirs, routes=R1.routes))
    plugin.update("Machine", identity, state, inputs_of(replace(theirs, hosts="new"), whose))
    now = memory.read("practical/ana/machine/r1").item
    assert (now.hosts, now.routes) == ("new", R1.routes)


def test_a_machine_is_imported_by_its_id(plugin, memory, whose):
    memory.create(Copy("practical", "ana"), R1)
    identity, state, inputs = plugin.read("Machine", R1_ID, {}, {})
    assert identity == R1_ID
    assert state["running"] is True
    assert plugin.failures("Machine", inputs) == {}
    assert plugin.diff("Machine", state, inputs_of(R1, whose)) == ({}, [])


def test_a_preview_makes_nothing_and_knows_the_id(plugin, memory, whose):
    said = plugin.call("Create", "Machine", properties=inputs_of(R1, whose), preview=True)
    assert (said.id, memory.read("practical/ana/machine/r1")) == (R1_ID, None)


def test_what_the_host_refused_midway_stays_in_the_state(plugin, memory, whose, monkeypatch):
    inputs = inputs_of(R1, whose)

    def refuse(_copy, _item):
        raise BackendError("memory r1", "no memory left", fix="buy more")

    with monkeypatch.context() as patched:
        patched.setattr(memory, "create", refuse)
        with pytest.raises(grpc.RpcError) as caught:
            plugin.create("Machine", inputs)
    assert caught.value.details() == "memory r1: no memory left\n  fix: buy more"
    identity, state = half_made(caught.value)
    assert (identity, state["running"]) == (R1_ID, False)
    assert plugin.diff("Machine", state, inputs)[0] == {"running": "update"}
    assert plugin.update("Machine", identity, state, inputs)["running"] is True
    assert memory.read("practical/ana/machine/r1").item == R1


def test_what_is_not_ours_is_refused_and_not_remembered(plugin, memory, whose, monkeypatch):
    def refuse(_copy, _item):
        raise ForeignError("memory r1", "exists, and is not labiac's")

    monkeypatch.setattr(memory, "create", refuse)
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create("Machine", inputs_of(R1, whose))
    assert caught.value.details() == "memory r1: exists, and is not labiac's"
    assert "grpc-status-details-bin" not in dict(caught.value.trailing_metadata())


def test_a_mistake_of_ours_is_told_without_a_traceback(plugin, memory, whose, monkeypatch):
    monkeypatch.setattr(memory, "create", lambda _copy, _item: 1 / 0)
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create("Machine", inputs_of(R1, whose))
    assert caught.value.details() == "labiac failed: ZeroDivisionError('division by zero')"


def test_state_of_an_older_labiac_lacks_fields_and_differs_in_nothing(plugin, whose):
    inputs = inputs_of(PC4, whose)
    _, state = plugin.create("Machine", inputs)
    del state["services"], state["nics"][0]["forwards"], state["nics"][0]["impair"]["rateKbit"]
    state["retired"] = "a field that this version does not have"
    assert plugin.diff("Machine", state, inputs) == ({}, [])
    plugin.update("Machine", "memory:practical/ana/machine/pc4", state, inputs)


def test_whom_a_restart_cuts_off_is_said_before_it_happens(
    plugin, engine, memory, whose, monkeypatch
):
    _, state = plugin.create("Machine", inputs_of(R1, whose))
    monkeypatch.setattr(type(memory), "features", Features(boots=True, live=frozenset()))
    news = inputs_of(replace(R1, memory_mib=1024, student=True), whose)
    assert plugin.diff("Machine", state, news)[1] == []
    said = "r1 restarts (memoryMib): lan1, lan2 do without it"
    assert engine.heard(2) == ["r1 up", said]
    _, replaces = plugin.diff("Machine", state, inputs_of(replace(R1, image="alpine"), whose))
    assert replaces == ["image"]
    assert engine.heard(1) == ["r1 is made anew (image): lan1, lan2 do without it"]


def test_a_secret_comes_back_as_a_secret_and_is_in_no_message(plugin, whose):
    inputs = inputs_of(replace(R1, seed=(SeedFile("user-data", "password: s3cret"),)), whose)
    hidden = struct(inputs, {"seed"})
    made = plugin.call("Create", "Machine", properties=hidden)
    assert secrets(made.properties) == {"seed"}
    assert plain(made.properties)["seed"] == inputs["seed"]
    assert secrets(plugin.call("Read", "Machine", id=made.id, inputs=hidden).properties) == {"seed"}
    wrong = plugin.call("Check", "Machine", news=struct({**inputs, "seed": "s3cret"}, {"seed"}))
    assert [failure.reason for failure in wrong.failures] == ["is not possible"]


def test_progress_names_the_item(plugin, engine, whose):
    identity, _ = plugin.create("Machine", inputs_of(PC4, whose))
    plugin.delete("Machine", identity)
    assert engine.heard(2) == ["pc4 up", "pc4 gone"]
