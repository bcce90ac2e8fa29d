"""What this machine's kernel lacks for LANs and NICs, as far as it tells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from labiac.backends import kernel
from labiac.errors import Problem
from labiac.plan.model import lan_of
from labiac.plan.place import place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labiac.plan.model import Plan

_LISTS: Final = ("modules.dep", "modules.builtin")


class _Module(NamedTuple):
    """A part of Linux: as its file is called, and as a kernel's configuration calls it."""

    name: str
    option: str


_BRIDGE: Final = (_Module("bridge", "CONFIG_BRIDGE"), _Module("tun", "CONFIG_TUN"))
_NEEDED: Final = {
    "internal": _BRIDGE,
    "host": _BRIDGE,
    "nat": (*_BRIDGE, _Module("xt_MASQUERADE", "CONFIG_NETFILTER_XT_TARGET_MASQUERADE")),
    "bridged": (_Module("macvtap", "CONFIG_MACVTAP"),),
}
"""What libvirt makes a LAN of each type with."""
_RATE: Final = (
    _Module("sch_ingress", "CONFIG_NET_SCH_INGRESS"),
    _Module("cls_u32", "CONFIG_NET_CLS_U32"),
    _Module("act_police", "CONFIG_NET_ACT_POLICE"),
)
"""What libvirt limits with what a NIC sends."""


def problems(plan: Plan, root: Path) -> Iterator[Problem]:
    """Yield each LAN and NIC of *plan* that the kernel of the machine with *root* can't make.

    A kernel that neither lists its modules nor says how it was made is taken to have them:
    libvirt will tell.
    """
    lacks = _lacks(root)
    for lan in plan.networks:
        if missing := _missing(_NEEDED[lan.type], lacks):
            yield Problem(
                f"libvirt {lan.name}",
                f"lans.{lan_of(lan.name)}.type",
                f"a LAN of type {lan.type} takes what this kernel lacks: {missing}",
                "boot a kernel that has it (Debian: linux-image-amd64), or choose another type",
            )
    missing = _missing(_RATE, lacks)
    for machine in plan.machines if missing else ():
        for number, nic in enumerate(machine.nics):
            if nic.attach == "lan" and nic.impair.rate_kbit:
                yield Problem(
                    f"libvirt {machine.name}",
                    f"{place(machine, number)}.impair.rate_kbit",
                    f"a limited rate ({nic.impair.rate_kbit} kbit/s) takes what this kernel"
                    f" lacks: {missing}",
                    "boot a kernel that has it (Debian: linux-image-amd64), leave rate_kbit out,"
                    " or use the backend netns",
                )


def _missing(needed: tuple[_Module, ...], lacks: Callable[[_Module], bool]) -> str:
    return ", ".join(each.option for each in needed if lacks(each))


def _lacks(root: Path) -> Callable[[_Module], bool]:
    """Return what tells whether a module is neither loaded nor built in nor to be loaded.

    What a kernel was made with may lie in a package of its own (Ubuntu's linux-modules-extra), so
    the lists of what is there are better than its configuration.
    """
    folder = root / "lib" / "modules" / os.uname().release
    try:
        lists = [(folder / name).read_text(encoding="utf-8") for name in _LISTS]
    except OSError:
        return lambda module: kernel.lacks(module.option)
    files = (line.partition(":")[0] for text in lists for line in text.splitlines())
    known = {
        *(Path(file).name.partition(".ko")[0] for file in files),
        *(each.name for each in (root / "sys" / "module").iterdir()),
    }
    return lambda module: module.name not in known
