"""Subnets that a plan wants and that the host is in already, or hides behind a NAT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labiac.backends import subnets
from labiac.backends.hyperv import host, marks, switches
from labiac.backends.hyperv.shell import command, select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.backends.mark import Mark
    from labiac.errors import Problem
    from labiac.plan.model import Plan

_ADDRESSES: Final = ("IPAddress", "PrefixLength", "InterfaceAlias")
_NATS: Final = ("Name", "InternalIPInterfaceAddressPrefix")


def clashes(plan: Plan) -> Iterator[Problem]:
    """Yield the LANs of *plan* in which the host is to have an address of a subnet that is in use.

    Raises:
        BackendError: the host refused.
    """
    wanted = [*subnets.of_lans(plan)]
    return subnets.clashes("hyperv", wanted, _held(plan) if wanted else ())


def _held(plan: Plan) -> Iterator[subnets.Held]:
    """Yield what the host has but for what labiac gave it for the copy of *plan*.

    A NAT is known by the name of its switch, and has its prefix even where no address is left.
    """
    made = {mark.item.host_name: mark for mark, _ in marks.found() if mark.kind == "network"}
    rows = host.look(
        command("Get-NetIPAddress") | select(*_ADDRESSES),
        command("Get-NetNat") | select(*_NATS),
        where="hyperv",
    )
    for row in rows:
        if "InterfaceAlias" in row:
            alias, address = str(row["InterfaceAlias"]), str(row["IPAddress"])
            if "%" not in address:  # of one link alone
                cidr = f"{address}/{row['PrefixLength']}"
                yield from _of(plan, made, switches.owner(alias), cidr, f"on {alias}")
        else:
            name, prefix = str(row["Name"]), str(row["InternalIPInterfaceAddressPrefix"])
            yield from _of(plan, made, name, prefix, f"as NAT {name}")


def _of(
    plan: Plan, made: dict[str, Mark], name: str, address: str, place: str
) -> Iterator[subnets.Held]:
    """Yield that *address* is in use *place*, unless the switch *name* is of the copy of *plan*."""
    mark = made.get(name)
    if mark is None:
        yield subnets.Held(address, place, "remove that one from the host")
    elif (mark.copy.lab, mark.copy.student) != (plan.lab, plan.student):
        yield subnets.of_copy(address, mark.item.name, mark.copy)
