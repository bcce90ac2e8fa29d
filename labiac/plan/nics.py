"""The NICs of every node, each with its MAC and addresses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from labiac.plan.addressing import PC_OFFSET, FullError, Prefix, address_text, number_of
from labiac.plan.model import Forward, Impairments, Nic, SubInterface
from labiac.plan.names import digest, macs
from labiac.plan.vary import drawn_by
from labiac.schema.lab import Lab, Role, kind_of, role_of
from labiac.schema.middlebox import Bridge, listens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labiac.plan.faults import Faults
    from labiac.plan.segments import Key, Segment
    from labiac.schema import node as written
    from labiac.schema.source import Path

NAT_POOL = Prefix.parse("100.64.0.0/10")
"""Where a NIC with a NAT of its own gets its /30: carrier-grade NAT's range (RFC 6598).

The host has the first address of it, the node the second.
"""


@dataclass
class Socket:
    """One untagged or tagged end of a NIC while its addresses are worked out."""

    segment: Segment | None
    path: Path
    said: dict[int, tuple[str, ...] | None]
    """By IP version: the addresses in the file; None where the file says nothing of them."""
    got: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses, IPv4 first."""
        return self.got.get(4, ()) + self.got.get(6, ())


@dataclass
class Draft:
    """A NIC while its addresses are worked out."""

    node: str
    role: Role
    name: str
    path: Path
    nic: written.Nic
    attach: str
    listens: bool
    untagged: Socket
    tagged: dict[str, Socket]

    def sockets(self) -> Iterator[Socket]:
        """Yield its untagged end, then the tagged ones."""
        yield self.untagged
        yield from self.tagged.values()


def drafts(lab: Lab, student: str, segments: dict[Key, Segment], faults: Faults) -> list[Draft]:
    """Return every NIC of *lab* with its addresses, node by node in the order of the file."""
    made = [draft for name, node in lab.nodes.items() for draft in _of_node(name, node, segments)]
    for draft in made:
        _explicit(draft, faults)
    # A middlebox that is put in later takes no router's and no PC's number.
    first_come = sorted(made, key=lambda draft: draft.role not in {"router", "pc"})
    drawn = drawn_by(lab, student) if lab.vary and lab.vary.hosts else ()
    if not drawn:
        _numbered(first_come)
    _hashed(first_come, drawn, faults)
    return made


def finished(lab: Lab, student: str, backend: str, made: list[Draft]) -> dict[str, list[Nic]]:
    """Return the NICs of each node: *made*, with MACs and VLAN IDs."""
    reserved = {draft.nic.mac for draft in made if draft.nic.mac}
    counts: Counter[tuple[str, ...]] = Counter()
    keys: list[tuple[str, ...]] = []
    for draft in made:
        key = (student, lab.name, draft.node, draft.nic.lan or draft.attach)
        keys.append((*key, str(counts[key])))
        counts[key] += 1
    nics: dict[str, list[Nic]] = {name: [] for name in lab.nodes}
    for draft, mac in zip(made, macs(backend, keys, reserved), strict=True):
        nics[draft.node].append(_nic(draft, draft.nic.mac or mac, lab, student))
    return nics


def _of_node(name: str, node: written.Node, segments: dict[Key, Segment]) -> Iterator[Draft]:
    for index, nic in enumerate(node.interfaces()):
        path: Path = (kind_of(node), name, *node.nic_path(index))
        attach = nic.attach or ("lan" if nic.lan else "none")
        untagged = segments.get((nic.lan or "", nic.native if nic.trunk else nic.access))
        listening = listens(node, nic)
        if isinstance(node, Bridge) or listening or (nic.trunk and nic.native is None):
            untagged = None
        said = {} if listening else {4: nic.ipv4, 6: nic.ipv6}
        yield Draft(
            node=name,
            role=role_of(node),
            name=nic.name or f"eth{index}",
            path=path,
            nic=nic,
            attach=attach,
            listens=listening,
            untagged=Socket(untagged, path, said),
            tagged={
                vlan: Socket(
                    segments.get((nic.lan or "", vlan)),
                    (*path, "trunk", vlan),
                    {4: end.ipv4, 6: end.ipv6},
                )
                for vlan, end in nic.trunk.items()
            },
        )


def _explicit(draft: Draft, faults: Faults) -> None:
    for socket in draft.sockets():
        for version, said in socket.said.items():
            place = (*socket.path, f"ipv{version}")
            for address in said or ():
                if socket.segment is not None:
                    taken = socket.segment.explicit(address, version, draft.node, place, faults)
                elif "/" in address:
                    taken = (address,)
                else:
                    faults.add(place, f"{address} has no prefix, and this NIC no LAN", "add one")
                    taken = ()
                socket.got[version] = socket.got.get(version, ()) + taken


def _wanting(made: Iterable[Draft]) -> Iterator[tuple[Draft, Socket, Segment, int]]:
    for draft in made:
        for socket in draft.sockets():
            if socket.segment is not None:
                for version in socket.segment.hosts:
                    if socket.said[version] is None and version not in socket.got:
                        yield draft, socket, socket.segment, version


def _numbered(made: list[Draft]) -> None:
    for draft, socket, segment, version in _wanting(made):
        own = number_of(draft.node)
        number = own + PC_OFFSET if own is not None and draft.role == "pc" else own
        hosts = segment.hosts[version]
        address = hosts.numbered(draft.node, number)
        if address is not None:
            socket.got[version] = (hosts.text(address),)


def _hashed(made: list[Draft], drawn: tuple[str, ...], faults: Faults) -> None:
    for draft, socket, segment, version in _wanting(made):
        hosts = segment.hosts[version]
        try:
            socket.got[version] = (hosts.text(hosts.hashed(draft.node, *drawn)),)
        except FullError:
            problem = f"{segment.name} ({hosts.prefix}) has no address left for {draft.node}"
            faults.add(socket.path, problem, "give the LAN a larger subnet")


def _nic(draft: Draft, mac: str, lab: Lab, student: str) -> Nic:
    nic = draft.nic
    addresses = draft.untagged.addresses
    if draft.attach == "nat" and not addresses:
        addresses = (_behind_nat(student, lab.name, draft.node, draft.name),)
    trunk = tuple(
        SubInterface(
            f"{draft.name}.{_id(lab, nic, vlan)}", vlan, _id(lab, nic, vlan), end.addresses
        )
        for vlan, end in draft.tagged.items()
    )
    guest = addresses[0].partition("/")[0] if addresses else ""
    return Nic(
        name=draft.name,
        attach=draft.attach,  # type: ignore[arg-type]  # the schema's literal, less None
        network=nic.lan or "",
        mac=mac,
        addresses=addresses,
        vlan=nic.access,
        native=nic.native,
        trunk=trunk,
        connected=nic.connected,
        model=nic.model,
        promiscuous=nic.promiscuous or draft.listens or draft.role == "bridge",
        listens=draft.listens,
        forwards=tuple(
            Forward(each.protocol, each.host_port, guest, each.port, each.host_address)
            for each in nic.forwards
        ),
        driver=nic.driver or "",
        properties=tuple(sorted(nic.properties.items())),
        impair=Impairments(**dict(nic.impair)),
    )


def _id(lab: Lab, nic: written.Nic, vlan: str) -> int:
    return lab.lans[nic.lan or ""].vlans[vlan].id


def _behind_nat(*key: str) -> str:
    slot = digest("nat", *key) % (NAT_POOL.size // 4)
    return f"{address_text(4, NAT_POOL.first + 4 * slot + 2)}/30"
