"""What this machine's kernel lacks for LANs, as far as the lists of its modules tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from labiac.errors import Problem
from labiac.plan.model import lan_of

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def problems(plan: Plan, root: Path) -> Iterator[Problem]:
    """Yield each LAN of *plan* that the kernel of the machine with *root* can't make.

    A kernel that lists no modules is taken to have them: libvirt will tell.
    """
    known = _known(root)
    for lan in plan.networks if known else ():
        missing = [each.option for each in _NEEDED[lan.type] if each.name not in known]
        if missing:
            yield Problem(
                f"libvirt {lan.name}",
                f"lans.{lan_of(lan.name)}.type",
                f"a LAN of type {lan.type} takes what this kernel lacks: {', '.join(missing)}",
                "boot a kernel that has it (Debian: linux-image-amd64), or choose another type",
            )


def _known(root: Path) -> set[str]:
    """Return the modules that the kernel has loaded, built in, or could load; none if unknown."""
    folder = root / "lib" / "modules" / os.uname().release
    try:
        lists = [(folder / name).read_text(encoding="utf-8") for name in _LISTS]
    except OSError:
        return set()
    files = (line.partition(":")[0] for text in lists for line in text.splitlines())
    return {
        *(Path(file).name.partition(".ko")[0] for file in files),
        *(each.name for each in (root / "sys" / "module").iterdir()),
    }
