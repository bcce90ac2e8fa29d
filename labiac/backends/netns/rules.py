"""What a machine filters and translates: table ``inet labiac`` of its own namespace.

Conversations that are under way when the rules change stay with what let them in, as ever with
Linux: nothing is taken out of the kernel's table of connections, so no packet of theirs is lost.
What is measured is a conversation of its own each time (`labiac.backends.netns.ping` takes a random
ICMP identifier), so it meets the rules as they are.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from labiac.backends import run
from labiac.backends.netns import kernel
from labiac.backends.netns.enter import traveller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.backends.netns.ground import Ground
    from labiac.plan.model import Machine

_LOAD: Final = ("-f", "-")
"""How nft takes rules on its standard input, all or none of them."""
_LIST: Final = ("--stateless", "--numeric", "list", "table", "inet", "labiac")
_NONE: Final = "add table inet labiac\ndelete table inet labiac\n"
_SYSTEM: Final = "/usr/local/sbin:/usr/sbin:/sbin"
_NFT_S: Final = 10.0


def load(ground: Ground, was: Machine | None, now: Machine) -> None:
    """Load the rules of *now* into its namespace, unless it has none or *was* has the same.

    Raises:
        BackendError: the kernel refused.
        LabError: *now* has a value that is none of its kind.
    """
    if _has_rules(now) and (was is None or _said(was) != _said(now)):
        _load(ground, now, _wanted(now))


def drop(ground: Ground, was: Machine, now: Machine) -> None:
    """Remove the rules of *was* from its namespace when *now* has none.

    Raises:
        BackendError: the kernel refused.
    """
    if _has_rules(was) and not _has_rules(now):
        _load(ground, now, _NONE)


def in_force(planned: Machine) -> Machine:
    """Return *planned* as the namespace that the thread is in filters and translates.

    What the kernel lists is compared with what it lists of the same rules loaded afresh. Where
    they differ *planned* has no rules: those that are there may say what no plan can. Tables of
    another name are somebody else's, and not looked at.
    """
    if not _has_rules(planned):
        return planned
    listed = run.run([command(), *_LIST], where="netns", timeout_s=_NFT_S)
    if listed.status == 0 and listed.stdout == _afresh(_wanted(planned)):
        return planned
    return replace(planned, policy=None, translation=None)


def accepted(rules: str) -> bool:
    """Return whether the kernel takes *rules* in the namespace that the thread is in."""
    argv = (command(), *_LOAD)
    return run.run(argv, where="netns", timeout_s=_NFT_S, stdin=rules.encode()).status == 0


def command() -> str:
    """Return nft, also where the system has it but the PATH of ordinary users does not."""
    from shutil import which  # takes long to load, and most machines have no rules

    path = f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM}"
    return which("nft", path=path) or "nft"


@lru_cache(maxsize=64)
def _afresh(rules: str) -> bytes:
    """Return what the kernel lists of *rules* in a namespace where there are no others."""
    with traveller():
        kernel.unshare(kernel.NEW_NET)
        _insist(_LOAD, rules, where="netns")
        return _insist(_LIST, "", where="netns")


def _insist(arguments: Sequence[str], rules: str, *, where: str) -> bytes:
    argv = (command(), *arguments)
    return run.insist(argv, where=where, timeout_s=_NFT_S, stdin=rules.encode())


def _load(ground: Ground, machine: Machine, rules: str) -> None:
    with ground.spaces.opened(machine.host_name) as space, traveller() as enter:
        enter(space)
        _insist(_LOAD, rules, where=ground.where(machine.name))


def _has_rules(machine: Machine) -> bool:
    return machine.policy is not None or machine.translation is not None


def _said(machine: Machine) -> tuple[object, ...]:
    """Return what the rules of *machine* are made of, though one that drifted may lack a NIC."""
    outside = machine.translation.outside if machine.translation else ""
    ways = [tuple(nic.interfaces()) for nic in machine.nics if nic.name == outside]
    return machine.policy, machine.translation, ways


def _wanted(machine: Machine) -> str:
    """Return the rules of *machine* as nftables reads them."""
    from labiac.plan.nftables import ruleset  # likewise

    return ruleset(machine)
