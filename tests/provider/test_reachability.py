from __future__ import annotations

import threading
import time
from dataclasses import replace

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from labiac.backends.base import Copy
from labiac.plan.model import unstarted
from tests.provider.conftest import forecast_of, half_made, planned

ANA = Copy("practical", "ana")
ID = "memory:practical/ana/reachability"


@pytest.fixture
def running(memory):
    """The practical, as planned."""
    return bring_up(memory, planned())


def bring_up(memory, plan):
    for item in (*plan.networks, *plan.machines):
        memory.create(ANA, item)
    return plan


def without_routes(plan, name):
    return replace(plan.machine(name), routes=())


def test_a_lab_that_does_what_was_forecast_is_measured_and_agrees(plugin, engine, running, whose):
    inputs = forecast_of(running, whose)
    assert plugin.create("Reachability", inputs) == (ID, inputs)
    assert set(inputs["pairs"].values()) == {"ok"}
    assert engine.heard(2) == ["measuring 12 pairs", "12 pairs measured, all as forecast"]


def test_a_lab_that_is_not_started_is_not_measured_until_it_is(plugin, running, whose):
    off, on = (forecast_of(plan, whose) for plan in (unstarted(running), running))
    assert (off["pings"], off["pairs"]) == ({}, on["pairs"])
    identity, state = plugin.create("Reachability", {**off, "pairs": {"pc1 -> pc4": "no"}})
    assert state["pairs"] == {"pc1 -> pc4": "no"}
    assert plugin.diff("Reachability", state, on)[0]
    assert plugin.update("Reachability", identity, state, on)["pairs"] == on["pairs"]


def test_a_preview_tells_who_is_cut_off_and_why(plugin, running, whose):
    olds, cut = forecast_of(running, whose), without_routes(running, "r2")
    machines = tuple(cut if machine.name == "r2" else machine for machine in running.machines)
    news = forecast_of(replace(running, machines=machines), whose)
    changed, replaces = plugin.diff("Reachability", olds, news)
    assert changed['pairs["pc1 -> pc4"]'] == "update"
    assert news["pairs"]["pc4 -> pc1"] == "r2 has no route to 10.0.1.0/24"
    assert changed["routes.r2[0]"] == "delete"
    assert 'pairs["pc3 -> pc4"]' not in changed
    assert replaces == []


def test_a_change_that_changes_no_pair_is_measured_as_well(plugin, running, whose):
    pc4 = replace(running.machine("pc4"), memory_mib=1024)
    machines = tuple(pc4 if machine.name == "pc4" else machine for machine in running.machines)
    olds = forecast_of(running, whose)
    news = forecast_of(replace(running, machines=machines), whose)
    assert plugin.diff("Reachability", olds, news) == ({"plan": "update"}, [])


def test_a_lab_that_does_something_else_fails_the_update_with_the_diagnosis(
    plugin, memory, running, whose
):
    memory.create(ANA, without_routes(running, "r2"))
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create("Reachability", forecast_of(running, whose, timeout_s=0.3))
    said = caught.value.details().splitlines()
    assert said[0] == "practical of ana: 4 of 12 pairs are not as forecast (0.3 s)"
    assert "  pc4 -> pc1: expected ok, measured r2 has no route to 10.0.1.0/24" in said
    identity, state = half_made(caught.value)
    assert identity == ID
    assert state["pairs"]["pc4 -> pc1"] == "r2 has no route to 10.0.1.0/24"
    assert state["pairs"]["pc1 -> pc3"] == "ok"


def test_a_pair_that_answers_and_should_not_fails_as_well(plugin, running, whose):
    cut = without_routes(running, "r2")
    machines = tuple(cut if machine.name == "r2" else machine for machine in running.machines)
    promised = forecast_of(replace(running, machines=machines), whose, timeout_s=0.3)
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create("Reachability", promised)
    wrong = "pc4 -> pc1: expected r2 has no route to 10.0.1.0/24, measured ok"
    assert wrong in caught.value.details()


def test_it_is_measured_again_until_the_lab_agrees(plugin, engine, memory, running, whose):
    memory.create(ANA, without_routes(running, "r2"))
    mend = threading.Timer(0.5, memory.create, (ANA, running.machine("r2")))
    mend.start()
    plugin.create("Reachability", forecast_of(running, whose, timeout_s=20))
    mend.join()
    assert engine.heard(2)[1] == "measuring 12 pairs, 4 not as forecast yet"


def test_cancel_stops_the_waiting_and_keeps_what_was_made(plugin, memory, running, whose):
    memory.create(ANA, without_routes(running, "r2"))
    started = time.monotonic()
    cancel = threading.Timer(0.3, plugin.stub.Cancel, (Empty(),))
    cancel.start()
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create("Reachability", forecast_of(running, whose, timeout_s=60))
    assert "(cancelled)" in caught.value.details()
    assert half_made(caught.value)[0] == ID
    assert time.monotonic() - started < 30


def test_a_refresh_tells_drift_in_networking_terms(plugin, memory, running, whose):
    inputs = forecast_of(running, whose)
    memory.create(ANA, without_routes(running, "r2"))
    _, state, kept = plugin.read("Reachability", ID, inputs, inputs)
    lost = {pair: why for pair, why in state["pairs"].items() if why != "ok"}
    assert lost["pc4 -> pc1"] == "r2 has no route to 10.0.1.0/24"
    assert len(lost) == 4
    assert kept == inputs
    memory.create(ANA, running.machine("r2"))
    assert plugin.read("Reachability", ID, state, inputs)[1] == inputs


def test_a_node_that_is_gone_is_the_reason(plugin, memory, running, whose):
    inputs = forecast_of(running, whose)
    memory.delete("practical/ana/machine/pc4")
    _, state, _ = plugin.read("Reachability", ID, inputs, inputs)
    assert state["pairs"]["pc1 -> pc4"] == "pc4 is gone"
    assert state["pairs"]["pc1 -> pc2"] == "ok"


def test_an_address_that_moved_is_the_reason(plugin, memory, running, whose):
    inputs = forecast_of(running, whose)
    pc4 = running.machine("pc4")
    memory.create(ANA, replace(pc4, nics=(replace(pc4.nics[0], addresses=("10.0.3.99/24",)),)))
    _, state, _ = plugin.read("Reachability", ID, inputs, inputs)
    assert state["pairs"]["pc1 -> pc4"] == "pc4 has no address 10.0.3.14"


def test_a_silence_that_the_nodes_do_not_explain_is_not_said_to_be_as_planned(
    plugin, memory, running, whose, monkeypatch
):
    monkeypatch.setattr(memory, "measure", lambda _, asked, **__: [False for _ in asked])
    inputs = forecast_of(running, whose)
    _, state, _ = plugin.read("Reachability", ID, inputs, inputs)
    assert set(state["pairs"].values()) == {"no answer, and no address or route says why"}


@pytest.fixture
def handed_out(memory):
    """The practical with routing left to the student, as handed out."""
    return bring_up(memory, planned(routing="none"))


def test_what_a_student_gains_is_no_drift(plugin, memory, handed_out, whose):
    inputs = forecast_of(handed_out, whose)
    assert inputs["pairs"]["pc1 -> pc4"] != "ok"
    bring_up(memory, planned())
    assert plugin.read("Reachability", ID, inputs, inputs)[1] == inputs


def test_what_a_student_breaks_is_no_drift_and_stops_no_update(plugin, memory, handed_out, whose):
    inputs = forecast_of(handed_out, whose, timeout_s=0.3)
    assert inputs["pairs"]["pc1 -> pc3"] == "ok"
    assert plugin.create("Reachability", inputs) == (ID, inputs)
    nics = tuple(replace(nic, addresses=()) for nic in handed_out.machine("r1").nics)
    memory.create(ANA, replace(handed_out.machine("r1"), nics=nics))
    assert plugin.update("Reachability", ID, inputs, inputs) == inputs


def test_what_breaks_elsewhere_is_drift_in_a_student_s_lab_too(plugin, memory, handed_out, whose):
    inputs = forecast_of(handed_out, whose)
    assert inputs["pairs"]["pc1 -> pc2"] == "ok"
    memory.delete("practical/ana/machine/pc2")
    _, state, _ = plugin.read("Reachability", ID, inputs, inputs)
    assert state["pairs"]["pc1 -> pc2"] == "pc2 is gone"


def test_a_forecast_cannot_be_imported(plugin):
    with pytest.raises(grpc.RpcError) as caught:
        plugin.read("Reachability", ID, {}, {})
    assert "a forecast is made from a lab" in caught.value.details()


@pytest.mark.usefixtures("running")
def test_deleting_it_deletes_nothing_on_the_host(plugin, memory):
    plugin.delete("Reachability", ID)
    assert memory.read("practical/ana/machine/pc4") is not None
