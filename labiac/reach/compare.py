"""The lab as it is beside the lab as planned: where do they first differ on the way of a ping?

Walked as planned, there and back, node by node: does it run, are its interfaces up, where they
belong and with their addresses, does it forward, by which rules, which route does it take, by which
bridges, who answers on the LAN.
A student's node is compared only in that it runs: the rest is their own work.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from labiac.plan.model import lan_of
from labiac.reach.bridges import Plug
from labiac.reach.conversation import exchange
from labiac.reach.fabric import HOST, segment_name
from labiac.reach.judge import Judge
from labiac.reach.trace import by_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labiac.plan.model import Machine, Nic, Plan
    from labiac.reach.conversation import Exchange
    from labiac.reach.fabric import Address, Node, Port
    from labiac.reach.tables import Entry
    from labiac.reach.walk import Plane, Step

FORWARDING = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
"""The setting of Linux that makes a router of a node, by IP version."""


class Deviation(NamedTuple):
    """Something on a packet's way that is not as planned.

    Args:
        text: One sentence that names the place.
        node: Name of the node, or of the LAN.
        command: What puts it right when run on the node; empty where no single command does.
    """

    text: str
    node: str
    command: tuple[str, ...] = ()


class Deviations:
    """A lab as planned and as it is.

    Args:
        planned: The lab as planned.
        live: The lab as it is: of its items, those that run.
        broken: What is the matter with the others, by name: ``r2 is gone``.
    """

    def __init__(self, planned: Plan, live: Plan, broken: Mapping[str, str]) -> None:
        self._planned, self._live = Judge(planned), Judge(live)
        self._nodes = {
            version: {node.name: node for node in plane.nodes}
            for version, plane in self._live.planes.items()
        }
        self._broken = broken
        self._students = {machine.name for machine in planned.machines if machine.student}
        self._wanted = {machine.name: machine for machine in planned.machines}
        self._ports = {
            nic.network: Plug(machine, nic)
            for machine in planned.machines
            for nic in machine.nics
            if machine.switch
        }
        """By network: the port of a switch there; of a trunk's two, one."""
        self._found = {
            machine.name: machine for machine in live.machines if machine.name not in self._students
        }

    def differences(self, source: str, target: str) -> Iterator[Deviation]:
        """Yield all that differs on the way of a ping and its answer, in the order met, each once.

        Raises:
            KeyError: there is no node of that name in the plan.
        """
        ends = self._planned.node(source), self._planned.node(target)
        ways = (
            self._on_the_way(plane, exchange(plane, *ends, asked))
            for plane, asked in self._planned.questions(*ends)
        )
        seen = set()
        for difference in chain(chain.from_iterable(ways), self._gone(source), self._gone(target)):
            if difference not in seen:
                seen.add(difference)
                yield difference

    def _on_the_way(self, plane: Plane, found: Exchange) -> Iterator[Deviation]:
        yield from self._gone(found.source.name)
        for way in (*found.there, *found.back):
            for hops, step in enumerate(plane.steps(way)):
                forwarded = hops > 0 or way.forwarded
                yield from self._step(plane, step, way.address, forwarded=forwarded)

    def _gone(self, name: str) -> Iterator[Deviation]:
        if name in self._broken:
            yield Deviation(self._broken[name], name)

    def _step(
        self, plane: Plane, step: Step, address: int, *, forwarded: bool
    ) -> Iterator[Deviation]:
        """Yield what differs from where *step* has the packet to where the next node has it."""
        yield from self._role(step.node)
        live = self._compared(plane, step.node)
        entry = step.ways[0] if step.ways else None
        if live is not None and entry is not None:
            came = _named(live, step.came.name) if step.came else None
            if forwarded and came is not None and not came.forwards:
                setting = ("sysctl", "-w", f"{FORWARDING[plane.version]}=1")
                yield _at(step.node, "does not forward", setting, colon="")
            if forwarded:
                yield from self._rules(step.node)
            yield from self._gone(entry.port.segment[0] if entry.port.segment else "")
            yield from self._interface(plane, step.node, entry.port, live)
            yield from self._route(plane, step, address, (live, came))
        if entry is not None:
            yield from self._strangers(plane, step.asks, entry.port)
            yield from self._bridges(plane, entry.port, step.to)
        if step.to is not None:
            taker = plane.nodes[step.to.node]
            yield from self._gone(taker.name)
            yield from self._role(taker)
            there = self._compared(plane, taker)
            if there is not None:
                yield from self._interface(plane, taker, step.to, there)

    def _role(self, node: Node) -> Iterator[Deviation]:
        """Yield whether *node* has become something else: a bridge of a router."""
        wanted, found = self._wanted.get(node.name), self._found.get(node.name)
        if wanted and found and wanted.role != found.role:
            yield _at(node, f"is a {found.role}; planned {wanted.role}", colon="")

    def _rules(self, node: Node) -> Iterator[Deviation]:
        """Yield whether *node* filters or translates otherwise than planned."""
        wanted, found = self._wanted.get(node.name), self._found.get(node.name)
        if wanted and found and _ruled(wanted) != _ruled(found):
            yield _at(node, "its nftables rules are not as planned")

    def _bridges(self, plane: Plane, out: Port, to: Port | None) -> Iterator[Deviation]:
        """Yield which bridges between two interfaces, as planned, do not join their LANs."""
        if to is None or out.segment is None or to.segment is None:
            return
        for plug in plane.bridges.between(out.segment, to.segment):
            yield from self._plug(plug)

    def _plug(self, plug: Plug) -> Iterator[Deviation]:
        """Yield whether a port of a bridge or switch is another than planned."""
        machine, planned = plug
        found = self._found.get(machine.name)
        yield from self._gone(machine.name)
        if found is None:
            return
        now = next((nic for nic in found.nics if _joins(nic, planned)), None)
        if now is None:
            problem = f"{planned.name} does not join {lan_of(planned.network)}"
            yield Deviation(f"{machine.name}: {problem}", machine.name)
        elif _tags(now) != _tags(planned):
            problem = f"{planned.name} takes {_tags(now)}; planned {_tags(planned)}"
            yield Deviation(f"{machine.name}: {problem}", machine.name)

    def _interface(
        self, plane: Plane, node: Node, planned: Port, live: Node
    ) -> Iterator[Deviation]:
        """Yield whether an interface, or the port at the other end of its cable, is not as planned.

        What is plugged into another port is in another VLAN: only the port is to blame.
        """
        nics = self._wanted[node.name].nics if node.name in self._wanted else ()
        cables = {name: nic.network for nic in nics for name, _ in nic.interfaces()}
        plug = self._ports.get(cables.get(planned.name, ""))
        wrong = list(self._plug(plug)) if plug else []
        yield from wrong or _interface(plane, node, planned, live)

    def _compared(self, plane: Plane, node: Node) -> Node | None:
        """Return planned *node* as it is, or None: it does not run, or is the student's."""
        if node.name in self._students:
            return None
        return self._nodes[plane.version].get(node.name)

    def _route(
        self, plane: Plane, step: Step, address: int, live: tuple[Node, Port | None]
    ) -> Iterator[Deviation]:
        """Yield how *live*, the node and interface of *step* as they are, send it elsewhere."""
        planned, now = step.ways[0], self._live.planes[plane.version]
        node, came = live
        chosen = next(iter(now.ways(node, address, came)), None)
        if chosen is not None and chosen.to.length > planned.to.length:
            yield _at(step.node, f"{_to(chosen)} {by_text(now, chosen)} is not planned")
        elif chosen is not None and chosen.to == planned.to:
            is_now, was = by_text(now, chosen), by_text(plane, planned)
            if is_now != was:
                problem = f"{_to(planned)} goes {is_now}; planned {was}"
                yield _at(step.node, problem, _route_command(plane, planned))
        elif planned.via is not None:
            problem = f"{_to(planned)} is missing; planned {by_text(plane, planned)}"
            yield _at(step.node, problem, _route_command(plane, planned))

    def _strangers(self, plane: Plane, asked: int, out: Port) -> Iterator[Deviation]:
        """Yield who on the LAN has the address that is looked for, and should not have it."""
        now = self._live.planes[plane.version]
        rightful = {plane.nodes[port.node].name for port in plane.owners.get(asked, ())}
        for port in now.owners.get(asked, ()):
            node = now.nodes[port.node]
            on_lan = any(_joined(now, each, out) for each in node.ports)
            if on_lan and node.name not in rightful:
                yield _at(node, f"address {plane.text(asked)} is not planned")


def _interface(plane: Plane, node: Node, planned: Port, live: Node) -> Iterator[Deviation]:
    now = _named(live, planned.name)
    if now is None:
        yield _at(node, f"{planned.name} is gone")
    elif planned.segment is not None and now.segment != planned.segment:
        where = segment_name(now.segment) if now.segment else "nothing"
        belongs = segment_name(planned.segment)
        yield _at(node, f"{planned.name} is plugged into {where}; planned {belongs}")
    elif now.problem and not planned.problem:
        yield _at(node, f"{planned.name} is down")
    else:
        yield from _addresses(plane, node, planned, now)


def _addresses(plane: Plane, node: Node, planned: Port, now: Port) -> Iterator[Deviation]:
    wanted, held = ([_cidr(plane, a) for a in _of(plane, port)] for port in (planned, now))
    more = [text for text in held if text not in wanted]
    for text in wanted:
        if text not in held:
            problem = f"address {text} is missing" + (f"; has {', '.join(more)}" if more else "")
            yield _at(node, problem, ("ip", "address", "add", text, "dev", planned.name))


def _joined(plane: Plane, one: Port, other: Port) -> bool:
    """Return whether two interfaces are in one broadcast domain."""
    if one.segment is None or other.segment is None:
        return False
    return plane.bridges.domain(one.segment) == plane.bridges.domain(other.segment)


def _ruled(machine: Machine) -> tuple[object, ...]:
    return machine.policy, machine.translation


def _joins(nic: Nic, planned: Nic) -> bool:
    """Return whether *nic* of a bridge leads where *planned* does."""
    return nic.connected and (nic.name, nic.network) == (planned.name, planned.network)


def _tags(nic: Nic) -> str:
    """Return what a port takes, in words."""
    untagged = nic.vlan or nic.native
    said = [f"{untagged} untagged"] if untagged else []
    return ", ".join((*said, *(f"{sub.vlan} tagged" for sub in nic.trunk))) or "nothing"


def _at(node: Node, problem: str, command: tuple[str, ...] = (), *, colon: str = ":") -> Deviation:
    return Deviation(
        f"{node.name}{colon} {problem}", node.name, () if node.name == HOST else command
    )


def _named(node: Node, name: str) -> Port | None:
    return next((port for port in node.ports if port.name == name), None)


def _of(plane: Plane, port: Port) -> Iterator[Address]:
    return (each for each in port.addresses if each.subnet.version == plane.version)


def _cidr(plane: Plane, address: Address) -> str:
    return f"{plane.text(address.value)}/{address.subnet.length}"


def _to(entry: Entry) -> str:
    return f"route to {entry.to}" if entry.to.length else "default route"


def _route_command(plane: Plane, entry: Entry) -> tuple[str, ...]:
    if entry.via is None:
        return ()
    return ("ip", "route", "replace", str(entry.to), "via", plane.text(entry.via))
