"""The forecast against the truth, with real UDP: whose question is answered, by whom it asked."""

from __future__ import annotations

import select
import socket
import time
from contextlib import ExitStack, suppress

import pytest

from labiac.reach.judge import Judge
from labiac.reach.ports import port_verdict

from .fuzz import FUZZ, hold, needs_root, planned, up
from .test_ports import LABS, PATIENT_S, PORTS, QUICK_S, calls, inside

QUESTION = b"?"


def answered(plan, expected):
    """Return which calls of *expected* are answered; a surprise is tried a second time."""
    with up(plan), ExitStack() as stack:
        servers = [*_servers(stack, plan)]
        found = _asked(plan, servers, list(expected), QUICK_S)
        doubtful = [call for call in expected if found[call] != expected[call]]
        return found | _asked(plan, servers, doubtful, PATIENT_S)


def _servers(stack, plan):
    """Yield a socket for each address of each node, so that an answer comes from what was asked."""
    for machine in plan.machines:
        own = [each.partition("/")[0] for nic in machine.nics for each in nic.addresses]
        with inside(machine):
            for address in own:
                for port in PORTS:
                    server = stack.enter_context(_socket(address))
                    with suppress(OSError):  # an IPv6 address of a NIC that is down is not there
                        server.bind((address, port))
                        yield server


def _asked(plan, servers, asked, patience_s):
    found = dict.fromkeys(asked, False)
    with ExitStack() as stack:
        poller, known = select.poll(), {server.fileno(): (server, None) for server in servers}
        for machine in plan.machines:
            with inside(machine):
                for call in asked:
                    if call.source == machine.name:
                        line = stack.enter_context(_socket(call.address))
                        with suppress(OSError):  # no route
                            line.connect((call.address, call.port))
                            line.send(QUESTION)
                            known[line.fileno()] = line, call
        for number in known:
            poller.register(number, select.POLLIN)
        until = time.monotonic() + patience_s
        while not all(found.values()) and (left_s := until - time.monotonic()) > 0:
            for number, _ in poller.poll(left_s * 1000):
                line, call = known[number]
                with suppress(OSError):  # an ICMP error is no answer
                    text, asker = line.recvfrom(1)
                    if call is None:
                        line.sendto(text, asker)
                    else:
                        found[call] = True
    return found


def _socket(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)


def disagreements(lab):
    """Return every question in *lab* that the forecast has otherwise."""
    plan = planned(lab)
    judge = Judge(plan)
    forecast = {call: port_verdict(judge, *call, "udp") for call in calls(plan)}
    found = answered(plan, {call: said.ok for call, said in forecast.items()})
    return [
        f"{call.source} to {call.address} port {call.port}: {found[call]}, forecast {said}"
        for call, said in forecast.items()
        if found[call] != said.ok
    ]


@needs_root
@pytest.mark.timeout(300 + 2 * FUZZ)
def test_whose_question_is_forecast_to_be_answered_gets_an_answer():
    hold(disagreements, LABS, FUZZ // 12 or 12)
