"""Every reason that a plan can't be made here of network namespaces."""

from __future__ import annotations

from shutil import which
from typing import TYPE_CHECKING

from labiac.backends import run
from labiac.backends.netns import features, kernel, marks, outside, rules, shape
from labiac.backends.netns.holder import IN_A_SPACE
from labiac.backends.netns.places import LONGEST
from labiac.errors import Problem
from labiac.plan.model import SWITCHING, lan_of
from labiac.plan.place import place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from labiac.plan.model import Forward, Machine, Network, Nic, Plan

_NEIGHBOURS = "net/ipv4/neigh/default/gc_thresh3"


def problems(plan: Plan, root: Path) -> list[Problem]:
    """Return what speaks against making *plan*, beside the labs whose marks are in *root*."""
    found = [*_rights()]
    if not found:
        found += _kernel(plan)
    for network in plan.networks:
        found += _network(network)
    for machine in plan.machines:
        found += _machine(plan, machine)
    if _needs_nft(plan) and not _has_nft():
        problem = "firewalls and NATs need nftables, and there is no nft"
        found.append(Problem("netns", "", problem, _NFT_FIX))
    found += outside.clashes(plan)
    found += _neighbours(plan, root)
    return found


def for_users(plan: Plan) -> list[Problem]:
    """Return what in *plan* only root can make."""
    fix = "run labiac as root, or make the LAN internal"
    found = [
        Problem(
            f"netns {network.name}",
            f"lans.{lan_of(network.name)}.type",
            f"a LAN of type {network.type} changes the host's own network, which takes root",
            fix,
        )
        for network in plan.networks
        if network.type != "internal"
    ]
    found += [
        Problem(
            f"netns {machine.name}",
            f"{place(machine, number)}.attach",
            "a NIC with a NAT of its own changes the host's own network, which takes root",
            "run labiac as root, or attach it to a LAN",
        )
        for machine in plan.machines
        for number, nic in enumerate(machine.nics)
        if nic.attach == "nat"
    ]
    return found


def no_user_spaces() -> Problem | None:
    """Return why this user may not make user namespaces, None when there is no reason."""
    tried = run.run([*IN_A_SPACE, "true"], where="netns", timeout_s=10)
    if tried.status == 0:
        return None
    for key, barred, fix in _BARS:
        if kernel.read_sysctl(key) == barred:
            problem = (
                f"ordinary users may not make namespaces here: {key.replace('/', '.')} is {barred}"
            )
            return Problem("netns", "", problem, f"sudo sysctl -w {fix}, or run labiac as root")
    said = tried.stderr.decode(errors="replace").strip()
    problem = f"ordinary users may not make namespaces here ({said})"
    return Problem("netns", "", problem, "run labiac as root; in a container, give it more rights")


_BARS = (
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
)
"""Settings that bar them: Ubuntu's since 23.10, Debian's own of old, the kernel's."""

_NFT_FIX = "install nftables (apt install nftables, dnf install nftables)"


def _rights() -> Iterator[Problem]:
    try:
        features.has("veth")
    except OSError as error:
        yield Problem(
            "netns",
            "",
            f"this process can't make a network namespace: {error.strerror}",
            "run it with CAP_SYS_ADMIN and CAP_NET_ADMIN (docker run --privileged), or as a user",
        )


def _kernel(plan: Plan) -> Iterator[Problem]:
    """Say which features of the kernel each item needs in vain."""
    for feature, whose in _needs(plan).items():
        if not features.has(feature):
            yield Problem(
                f"netns {', '.join(whose)}".strip(),
                "",
                f"this kernel has no {features.NEEDED[feature]}",
                "use a distribution's own kernel, or another backend",
            )


def _needs(plan: Plan) -> dict[str, list[str]]:
    """Return the features of the kernel that *plan* needs, and the items that need them."""
    needs: dict[str, list[str]] = {"bridge": [], "veth": []}
    for feature, name in (*_switch_needs(plan), *_machine_needs(plan), *_rules_need(plan)):
        names = needs.setdefault(feature, [])
        if name not in names:
            names.append(name)
    return needs


def _switch_needs(plan: Plan) -> Iterator[tuple[str, str]]:
    for network in plan.networks:
        if network.vlans:
            yield "filtering", network.name
        if network.watched and network.type != "bridged":
            yield "mirror", network.name
        if network.type == "bridged":
            yield "macvlan", network.name


def _machine_needs(plan: Plan) -> Iterator[tuple[str, str]]:
    for machine in plan.machines:
        if machine.switch:
            yield "filtering", machine.name
        for nic in machine.nics:
            if nic.trunk and not machine.switch:
                yield "vlan", machine.name
            if shape.needs_netem(nic.impair):
                yield "netem", machine.name
            elif nic.impair.rate_kbit:
                yield "tbf", machine.name


def _rules_need(plan: Plan) -> Iterator[tuple[str, str]]:
    for machine in plan.machines if _has_nft() else ():  # without it nothing can be tried out
        if machine.policy:
            yield "firewall", machine.name
        if machine.translation:
            yield "nat", machine.name


def _network(network: Network) -> Iterator[Problem]:
    where, path = f"netns {network.name}", f"lans.{lan_of(network.name)}"
    if network.type == "bridged" and network.vlans:
        yield Problem(
            where,
            f"{path}.vlans",
            "a bridged LAN on netns carries no VLANs: its nodes sit on the physical link itself",
            "bridge a LAN without VLANs, or use an internal one",
        )
    if network.type == "bridged" and not _exists(network.interface):
        yield Problem(
            where,
            f"{path}.interface",
            f"this host has no interface {network.interface!r}",
            "name one that `ip link` lists",
        )
    yield from _forwards(where, f"{path}.forwards", network.forwards)


_A = {"bridge": "a bridge", "switch": "a switch", "ids": "an IDS"}
_JOIN_FIX = "put a router there, or use an internal LAN"


def _machine(plan: Plan, machine: Machine) -> Iterator[Problem]:
    where = f"netns {machine.name}"
    if machine.speaker:
        yield from _frr(machine, where, f"{place(machine)}.routing")
    bridged = {network.name for network in plan.networks if network.type == "bridged"}
    for number, nic in enumerate(machine.nics):
        yield from _nic(where, place(machine, number), nic, bridged=nic.network in bridged)
        if nic.network in bridged and (machine.role in SWITCHING or nic.listens):
            verb = "listen to" if nic.listens else "join"
            yield Problem(
                where,
                f"{place(machine, number)}.lan" if machine.switch is None else place(machine),
                f"{_A[machine.role]} can't {verb} {lan_of(nic.network)}: on netns a NIC in a"
                " bridged LAN is a macvlan, which hears only what is sent to its own MAC",
                "watch an internal LAN" if nic.listens else _JOIN_FIX,
            )


def _frr(machine: Machine, where: str, path: str) -> Iterator[Problem]:
    from labiac.backends.netns import routing

    daemons = [each.command[0] for each in routing.services(machine)]
    lacking = ", ".join(each for each in daemons if not each.startswith("/"))
    if lacking:
        problem = f"{machine.routing} needs FRR, and there is no {lacking}"
        yield Problem(where, path, problem, "install frr, or say routing: static")


def _nic(where: str, path: str, nic: Nic, *, bridged: bool) -> Iterator[Problem]:
    if nic.attach == "generic":
        yield Problem(
            where,
            f"{path}.attach",
            f"netns has no generic driver ({nic.driver or 'none named'})",
            "attach it to a LAN, to nat, or to nothing",
        )
    if len(nic.name.encode()) > LONGEST:
        yield Problem(
            where,
            f"{path}.name",
            f"{nic.name!r} is longer than Linux names interfaces: {LONGEST} characters",
            "shorten it",
        )
    if bridged and not nic.connected:
        yield Problem(
            where,
            f"{path}.connected",
            "a NIC in a bridged LAN has no cable to pull out on netns",
            "say attach: none",
        )
    yield from _forwards(where, f"{path}.forwards", nic.forwards)


def _forwards(where: str, path: str, forwards: Iterable[Forward]) -> Iterator[Problem]:
    for number, forward in enumerate(forwards):
        if (":" in forward.host_address) != (":" in forward.guest):
            yield Problem(
                where,
                f"{path}[{number}]",
                f"{forward.host_address} and {forward.guest} are of two IP versions",
                "listen on an address of the guest's version: 127.0.0.1 or ::1 keeps it here",
            )


def _neighbours(plan: Plan, root: Path) -> Iterator[Problem]:
    """Warn when the host's one table of neighbours is too small for all labs together."""
    limit = kernel.read_sysctl(_NEIGHBOURS)
    if not limit:  # in a namespace of its own: the table is the host's, and out of sight
        return
    there = (
        marks.Folder(root, copy).machines()
        for copy in marks.copies(root)
        if (copy.lab, copy.student) != (plan.lab, plan.student)
    )
    wanted = sum(map(lookups, (plan.machines, *there)))
    if wanted > int(limit):
        yield Problem(
            "netns",
            "",
            f"{wanted} neighbours on all labs' LANs don't fit into the kernel's table of {limit}:"
            " pings will get lost",
            f"sysctl -w net.ipv4.neigh.default.gc_thresh3={2 * wanted}",
            level="warning",
        )


def lookups(machines: Iterable[Machine]) -> int:
    """Return how many neighbours the nodes of one copy may look up, all in all."""
    ends: dict[str, int] = {}
    for machine in machines:
        for nic in machine.nics:
            if nic.network:
                ends[nic.network] = ends.get(nic.network, 0) + 1
    return sum(count * (count - 1) for count in ends.values())


def _needs_nft(plan: Plan) -> bool:
    return any(network.type == "nat" for network in plan.networks) or any(
        machine.policy or machine.translation or any(nic.attach == "nat" for nic in machine.nics)
        for machine in plan.machines
    )


def _has_nft() -> bool:
    return which(rules.command()) is not None


def _exists(interface: str) -> bool:
    from socket import if_nameindex

    return interface in {name for _, name in if_nameindex()}
