"""A lab to its plan: the only place where a default becomes a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from labiac.errors import DescriptionError
from labiac.plan.faults import Faults
from labiac.plan.graph import Graph, host_routes, routing_of
from labiac.plan.lower import lowered
from labiac.plan.managed import managed
from labiac.plan.middleboxes import Middleboxes, middleboxes
from labiac.plan.model import Forward, Machine, Network, Nic, Plan, Service, Vlan
from labiac.plan.names import BOOTS, host_name, student_name
from labiac.plan.nics import Draft, drafts, finished
from labiac.plan.planting import planted, suspects
from labiac.plan.resolve_checks import checks_of
from labiac.plan.segments import Key, Segment, host_side, segments
from labiac.plan.speakers import speakers
from labiac.plan.vary import varied
from labiac.schema.lab import role_of, routes_between_lans
from labiac.schema.load import read
from labiac.schema.rules import insist
from labiac.schema.source import in_order
from labiac.schema.stages import reached, staged

if TYPE_CHECKING:
    from labiac.plan.speaker import Speaker
    from labiac.schema.lab import Lab
    from labiac.schema.load import Read


def plan_file(file: str, student: str = "local", backend: str = "netns") -> Plan:
    """Return the plan of the lab in *file*: a path, or the name of one in ``stacks/``.

    Raises:
        DescriptionError: with every problem of the file, those of its numbers included.
    """
    return plan_of(read(file), student, backend)


def plan_of(
    found: Read, student: str = "local", backend: str = "netns", *, faulty: bool = True
) -> Plan:
    """Return the plan of a lab file that was read, with the fault of the copy where *faulty*.

    Raises:
        DescriptionError: with every problem of the file, those of its numbers included.
    """
    if not found.problems and found.lab is not None:
        return resolve(found.lab, student, backend, faulty=faulty)
    problems = list(found.problems)
    if found.lab is not None:
        try:
            _numbers(found.lab, student_name(student))
        except DescriptionError as error:
            problems += error.problems
    raise DescriptionError(in_order(problems))


def resolve(
    lab: Lab,
    student: str = "local",
    backend: str = "netns",
    *,
    faulty: bool = True,
    stage: str = "",
) -> Plan:
    """Return the plan of *lab* for one student on one backend; the same on every run.

    Args:
        lab: What the file says.
        student: Whose copy it is.
        backend: What makes it real.
        faulty: Whether it has the fault that the student gets, if the lab has any. Its checks are
            those of the lab without: they say what mending it must bring about.
        stage: Name of a stage: the lab is as when that is done. Empty: as it is handed out.

    Raises:
        DescriptionError: its parts or its numbers do not go together (an address outside its
            LAN, a full subnet), or the student's name cannot be used.
    """
    if not lab.source.lines:  # written in Python: nobody has held its parts together yet
        insist(lab)
    whose = student_name(student)
    lab = varied(lab, whose)
    goal = reached(lab, stage) if stage else lab
    built = _built(goal, whose, backend)
    checks = checks_of(goal, built.plan.machines)
    for index, each in enumerate(lab.stages):
        done = _built(reached(lab, each.name), whose, backend)
        checks += checks_of(lab, done.plan.machines, index)
    plan = replace(built.plan, checks=checks)
    if faulty and not stage:
        plan = planted(plan, lab, built.boxes.planted)
    plan = managed(lowered(plan, goal, built.hosts), goal)
    if backend in BOOTS:
        return _seeded(goal, plan)
    _insist_templates(goal, plan)
    return plan


class _Built(NamedTuple):
    """A lab on its way to a plan: without its checks, its fault and its switches."""

    plan: Plan
    boxes: Middleboxes
    hosts: str


def _built(lab: Lab, whose: str, backend: str) -> _Built:
    numbers = _numbers(lab, whose)
    nics = finished(lab, whose, backend, numbers.nics)
    graph = Graph(lab, nics, numbers.host, numbers.segments)
    hosts = _hosts_text(nics)
    spoken = speakers(lab, graph)
    machines = tuple(
        _machine(
            lab, whose, name, graph, hosts=hosts, boxes=numbers.boxes, speaker=spoken.get(name)
        )
        for name in nics
    )
    plan = Plan(
        lab=lab.name,
        student=whose,
        backend=backend,
        networks=tuple(_network(lab, whose, name, numbers.segments, graph) for name in lab.lans),
        machines=machines,
        checks=(),
    )
    return _Built(plan, numbers.boxes, hosts)


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a lab: of its LANs, of the host in them by LAN, and of its nodes."""

    segments: dict[Key, Segment]
    host: dict[str, tuple[str, ...]]
    nics: list[Draft]
    boxes: Middleboxes


def _numbers(lab: Lab, student: str) -> _Numbers:
    """Return the numbers of *lab*.

    Also for a lab that breaks rules: each problem of its numbers is one more to tell.
    """
    faults = Faults()
    made = segments(lab, student, faults)
    host = host_side(lab, made, faults)
    drafted = drafts(lab, student, made, faults)
    boxes = middleboxes(lab, made, drafted, faults)
    _forwards_lead(lab, drafted, faults)
    faults.insist(lab)
    return _Numbers(made, host, drafted, boxes)


def _forwards_lead(lab: Lab, drafted: list[Draft], faults: Faults) -> None:
    """Refuse ports of the host that lead to a node without an address."""
    held = {each.node for each in drafted for socket in each.sockets() if socket.addresses}
    for name, lan in lab.lans.items():
        for index, each in enumerate(lan.forwards):
            if each.to in lab.nodes and each.to not in held:
                problem = f"{each.to} has no address in a LAN"
                place = ("lans", name, "forwards", index, "to")
                faults.add(place, problem, "give it one, or name another node")


def _insist_templates(lab: Lab, plan: Plan) -> None:
    """Refuse templates that are not there, though this backend boots nothing: another may.

    Raises:
        DescriptionError: the file names a folder that is not there.
    """
    if any(node.template for node in lab.nodes.values()):
        from labiac.plan.seeds import templates_of

        for machine in plan.machines:
            templates_of(machine, lab)


def _seeded(lab: Lab, plan: Plan) -> Plan:
    from labiac.plan.seeds import seed_of  # the template engine is for what boots

    machines = (replace(each, seed=seed_of(each, lab, plan.student)) for each in plan.machines)
    return replace(plan, machines=tuple(machines))


def _machine(
    lab: Lab,
    student: str,
    name: str,
    graph: Graph,
    *,
    hosts: str,
    boxes: Middleboxes,
    speaker: Speaker | None,
) -> Machine:
    node = graph.node(name)
    routing = routing_of(lab, node)
    return Machine(
        name=name,
        host_name=host_name(lab.name, student, name),
        role=role_of(node),
        nics=tuple(graph.nics[name]),
        routes=graph.routes(name),
        routing=routing,
        speaker=speaker,
        forwards=routes_between_lans(node),
        policy=boxes.policies.get(name),
        translation=boxes.translations.get(name),
        switch=None,
        student=node.student or routing == "none" or name in suspects(lab) | staged(lab),
        hosts=hosts,
        services=tuple(Service(each, said.command) for each, said in node.services.items()),
        memory_mib=node.memory_mib or lab.defaults.memory_mib,
        cpus=node.cpus or lab.defaults.cpus,
        disk_gib=node.disk_gib or lab.defaults.disk_gib,
        image=node.image or lab.defaults.image,
        start=True,
        seed=(),
        management=None,
    )


def _network(lab: Lab, student: str, name: str, made: dict[Key, Segment], graph: Graph) -> Network:
    lan = lab.lans[name]
    return Network(
        name=name,
        host_name=host_name(lab.name, student, name),
        type=lan.type,
        ipv4=_subnet(made[name, None], 4),
        ipv6=_subnet(made[name, None], 6),
        vlans=tuple(
            Vlan(each, vlan.id, _subnet(made[name, each], 4), _subnet(made[name, each], 6))
            for each, vlan in lan.vlans.items()
        ),
        host_addresses=graph.host.get(name, ()),
        host_routes=host_routes(lab, name),
        routes=graph.host_routes(name),
        interface=lan.interface or "",
        forwards=tuple(
            Forward(
                each.protocol,
                each.host_port,
                graph.address(each.to, name),
                each.port,
                each.host_address,
            )
            for each in lan.forwards
        ),
        watched=any(
            nic.listens and nic.network == name for nics in graph.nics.values() for nic in nics
        ),
    )


def _subnet(segment: Segment, version: int) -> str | None:
    hosts = segment.hosts.get(version)
    return None if hosts is None else str(hosts.prefix)


def _hosts_text(nics: dict[str, list[Nic]]) -> str:
    """Return ``/etc/hosts``: a node's first address of each version has its name alone.

    The others are ``<node>-<nic>``, because a resolver hands out whichever line comes first.
    """
    lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost"]
    for node, ends in nics.items():
        seen: set[bool] = set()
        held = ((nic, each) for end in ends for nic, own in end.interfaces() for each in own)
        for nic, address in held:
            version6 = ":" in address
            name = node if version6 not in seen else f"{node}-{nic.replace('.', '-')}"
            seen.add(version6)
            lines.append(f"{address.partition('/')[0]}\t{name}")
    return "\n".join(dict.fromkeys(lines)) + "\n"
