"""Results as people read them: the reachability matrix, and what a plan holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from labiac.plan.lower import raised
from labiac.plan.model import Machine, Plan
from labiac.plan.said import duties
from labiac.reach.finding import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from labiac.reach.matrix import Pair

MATRIX_MAX = 16
"""Nodes a side of a matrix that a person still reads as one."""
PATHS_MAX = 6
"""Nodes a side where a cell has room for the routers on the way."""


def table(*columns: str) -> Table:
    """Return an empty table with a line below its head and no frame."""
    empty = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        empty.add_column(column, overflow="fold")
    return empty


def matrix_view(pairs: Sequence[Pair]) -> Iterator[RenderableType]:
    """Yield what shows *pairs*: a matrix with rows from and columns to, and below why not."""
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.source, pair.target)))
    if len(names) <= MATRIX_MAX:
        yield _matrix(names, pairs)
    yield _count(pairs)
    yield from _reasons(pairs)


def _matrix(names: list[str], pairs: Iterable[Pair]) -> Table:
    cells = {(pair.source, pair.target): _cell(pair, len(names) <= PATHS_MAX) for pair in pairs}
    grid = table("from \\ to", *names)
    for source in names:
        row = (cells.get((source, target), Text("·", "dim")) for target in names)
        grid.add_row(Text(source, "bold"), *row)
    return grid


def _cell(pair: Pair, with_path: bool) -> Text:
    if not pair.ok:
        return Text("no", "bold red")
    cell = Text("ok", "green")
    if with_path:
        cell.append("".join(f" {name}" for name in pair.path[1:-1]), "dim")
    return cell


def _count(pairs: Sequence[Pair]) -> Text:
    reached = sum(pair.ok for pair in pairs)
    style = "green" if reached == len(pairs) else "yellow"
    return Text(f"{reached} of {len(pairs)} pairs reach each other", style)


def _reasons(pairs: Iterable[Pair]) -> Iterator[Text]:
    failed: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        if not pair.ok:
            failed[pair.reason].append(f"{pair.source} -> {pair.target}")
    for reason, who in failed.items():
        yield Text.assemble("  ", (reason, "red"), f": {shortened(who)}")


def plan_view(plan: Plan) -> Iterator[RenderableType]:
    """Yield what shows *plan*: LANs, NICs with their addresses, routes, what middleboxes do."""
    yield _lans(plan)
    yield _nics(plan)
    routes = table("node", "to", "via")
    for machine in plan.machines:
        for number, route in enumerate(machine.routes):
            routes.add_row("" if number else machine.name, route.to, route.via)
    if routes.row_count:
        yield routes
    boxes = _boxes(plan)
    if boxes.row_count:
        yield boxes


def _boxes(plan: Plan) -> Table:
    boxes = table("node", "what it does", "")
    for machine in plan.machines:
        if machine.switch:  # the tables of LANs and NICs tell all of it
            continue
        head = machine.name
        for field, values in duties(machine).items():
            for number, value in enumerate(values, 1):
                # A forecast names the rule that refuses a packet by its number.
                boxes.add_row(head, f"rule {number}" if field == "rule" else field, value)
                head = ""
    return boxes


def _lans(plan: Plan) -> Table:
    lans = table("LAN", "type", "IPv4", "IPv6", "VLANs")
    for network in raised(plan).networks:
        vlans = ", ".join(f"{vlan.name} {vlan.id}" for vlan in network.vlans)
        lans.add_row(network.name, network.type, network.ipv4, network.ipv6, vlans)
    return lans


def _nics(plan: Plan) -> Table:
    nics = table("node", "role", "NIC", "LAN", "MAC", "addresses")
    for machine in plan.machines:
        for number, row in enumerate(_nic_rows(machine)):
            head = ("", "") if number else (machine.name, machine.role)
            nics.add_row(*head, *row)
    return nics


def _nic_rows(machine: Machine) -> Iterator[tuple[str, str, str, str]]:
    for nic in machine.nics:
        where = nic.network if nic.attach == "lan" else f"({nic.attach})"
        vlan = f" {nic.vlan}" if nic.vlan else ""
        out = "" if nic.connected else " (cable out)"
        if machine.switch:  # the tags of a port are no interfaces
            tagged = ", ".join(filter(None, (nic.native, *(sub.vlan for sub in nic.trunk))))
            yield nic.name, f"{where}{vlan} {tagged}".rstrip(), nic.mac, ""
            continue
        yield nic.name, f"{where}{vlan}{out}", nic.mac, "\n".join(nic.addresses)
        for sub in nic.trunk:
            yield sub.name, f"{where} {sub.vlan}", nic.mac, "\n".join(sub.addresses)
