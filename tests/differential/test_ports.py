"""The forecast against the truth, with real TCP: who gets a connection to which port."""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from labiac.backends.netns.enter import traveller
from labiac.reach.judge import Judge
from labiac.reach.ports import port_verdict

from .fuzz import FUZZ, hold, needs_root, on_a_host_of_its_own, planned, up
from .known import CONNECTED
from .labs import labs, redirected

PORTS = (80, 8080)
"""What every node listens on."""
QUICK_S, PATIENT_S = 0.5, 8.0
"""How long a first SYN may take; and one that was forecast to be answered, which is sent again."""
LABS = labs(roles=["firewall", "nat", "nat"]).flatmap(redirected) | labs(roles=["firewall"])


class Call(NamedTuple):
    """A connection to make."""

    source: str
    address: str
    port: int


def calls(plan):
    """Return a call from every node to the ports of every address of another."""
    held = {
        machine.name: [
            address.partition("/")[0] for nic in machine.nics for address in nic.addresses
        ]
        for machine in plan.machines
    }
    return [
        Call(source, address, port)
        for source, own in held.items()
        for target, addresses in held.items()
        for address in addresses
        if own and target != source and address not in own
        for port in PORTS
    ]


def connected(plan, expected):
    """Return which calls of *expected* come to a connection; a surprise is tried a second time."""
    with up(plan), ExitStack() as stack:
        _listen(stack, plan)
        found = _connect(plan, list(expected), QUICK_S)
        doubtful = [call for call in expected if found[call] != expected[call]]
        return found | _connect(plan, doubtful, PATIENT_S)


def _listen(stack, plan):
    for machine in plan.machines:
        with inside(machine):
            for family in (socket.AF_INET, socket.AF_INET6):
                for port in PORTS:
                    server = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
                    if family == socket.AF_INET6:
                        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    server.bind(("", port))
                    server.listen(256)


def _connect(plan, asked, patience_s):
    found = dict.fromkeys(asked, False)
    with ExitStack() as stack:
        poller, waiting = select.poll(), {}
        for machine in plan.machines:
            with inside(machine):
                for call in asked:
                    if call.source == machine.name:
                        line = stack.enter_context(_calling(call))
                        waiting[line.fileno()] = line, call
                        poller.register(line, select.POLLOUT)
        until = time.monotonic() + patience_s
        while waiting and (left_s := until - time.monotonic()) > 0:
            for number, _ in poller.poll(left_s * 1000):
                line, call = waiting.pop(number)
                poller.unregister(number)
                found[call] = _is_connected(line)
    return found


def _is_connected(line):
    try:
        line.getpeername()
    except OSError:
        return False
    return True


def _calling(call):
    family = socket.AF_INET6 if ":" in call.address else socket.AF_INET
    line = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    line.connect_ex((call.address, call.port))
    return line


def inside(machine):
    """Return what moves this thread into the namespace of *machine* for a while."""
    stack = ExitStack()
    space = os.open(f"/run/netns/{machine.host_name}", os.O_RDONLY)
    stack.callback(os.close, space)
    stack.enter_context(traveller())(space)
    return stack


def disagreements(lab):
    """Return every call in *lab* that the forecast has otherwise."""
    plan = planned(lab)
    judge = Judge(plan)
    forecast = {call: port_verdict(judge, *call) for call in calls(plan)}
    found = connected(plan, {call: said.ok for call, said in forecast.items()})
    return [
        f"{call.source} to {call.address} port {call.port}: {found[call]}, forecast {said}"
        for call, said in forecast.items()
        if found[call] != said.ok
    ]


@needs_root
@pytest.mark.parametrize("case", CONNECTED)
def test_of_connections_it_is_known_that(case):
    assert on_a_host_of_its_own(disagreements, CONNECTED[case]) == []


@needs_root
@pytest.mark.timeout(300 + 2 * FUZZ)
def test_who_is_forecast_to_get_a_connection_gets_one():
    hold(disagreements, LABS, FUZZ // 6 or 40)
