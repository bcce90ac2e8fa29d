"""What the switches of LANs and the rest of the lab file must agree on."""

from __future__ import annotations

from collections.abc import Iterator

from labiac.schema.fault import Fault, Names, unknown
from labiac.schema.lab import Lab
from labiac.schema.lan import Lan
from labiac.schema.node import Nic
from labiac.schema.source import Path


def about_switches(lab: Lab, names: Names) -> Iterator[Fault]:
    """Yield every switch whose name something else has too, and those of LANs that need none."""
    taken: dict[str, str] = dict.fromkeys(names.nodes, "a node")
    for name, lan in lab.lans.items():
        if lan.switches and not lan.vlans:
            problem = f"{name} carries no VLANs: it is one switch"
            fix = "add vlans: {red: 10}, or join two LANs by a bridge"
            yield ("lans", name, "switches"), problem, fix
        yield from _names(name, lan, names, taken)


def _names(name: str, lan: Lan, names: Names, taken: dict[str, str]) -> Iterator[Fault]:
    """Yield the switches of LAN *name* whose names are *taken*; add the others to these."""
    if lan.vlans and not lan.switches and name in names.nodes:
        problem = f"{name} is a node too, and a LAN with VLANs can become a switch of its name"
        yield ("lans", name), problem, "call one of them otherwise, or add switches: [sw1]"
    for index, switch in enumerate(lan.switches):
        place = ("lans", name, "switches", index)
        other = "a LAN" if switch in names.lans and switch != name else taken.get(switch)
        if other:
            yield place, f"{switch} is {other} too", "give each switch a name of its own"
        taken.setdefault(switch, f"a switch of {name}")


def which_switch(path: Path, nic: Nic, lab: Lab) -> Iterator[Fault]:
    """Yield what is wrong with the switch that the NIC at *path* names."""
    lan = lab.lans.get(nic.lan or "")
    if nic.switch is None or (lan is None and nic.lan is not None):  # then the LAN is the problem
        return
    place = (*path, "switch")
    if lan is None:
        yield place, "switch: says where in a LAN, and this NIC has none", "add lan:"
    elif not lan.switches:
        problem = f"the switches of {nic.lan} have no names"
        yield place, problem, f"leave it out, or add switches: [{nic.switch}] to {nic.lan}"
    elif nic.switch not in lan.switches:
        yield unknown(place, f"switch of {nic.lan}", nic.switch, lan.switches)
