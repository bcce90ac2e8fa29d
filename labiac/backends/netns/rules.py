"""What a machine filters and translates: table ``inet labiac`` of its own namespace.

Conversations that are under way when the rules change stay with what let them in, as ever with
Linux: nothing is taken out of the kernel's table of connections, so no packet of theirs is lost.
What is measured is a conversation of its own each time (`labiac.backends.netns.ping` takes another
ICMP identifier), so it meets the rules as they are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from labiac.backends import run
from labiac.backends.netns import kernel
from labiac.backends.netns.enter import traveller

if TYPE_CHECKING:
    from labiac.backends.netns.ground import Ground
    from labiac.plan.model import Machine

LOAD: Final = ("nft", "-f", "-")
"""The command that takes rules on its standard input, all or none of them."""
_LIST: Final = ("nft", "--stateless", "--numeric", "list", "table", "inet", "labiac")
_NONE: Final = "add table inet labiac\ndelete table inet labiac\n"
_NFT_S: Final = 10.0


def apply(ground: Ground, was: Machine | None, now: Machine) -> None:
    """Make the rules in the namespace of *now* what it says; nothing when *was* says the same.

    Raises:
        BackendError: the kernel refused.
        LabError: *now* has a value that is none of its kind.
    """
    old, new = wanted(was) if was else "", wanted(now)
    if old == new:
        return
    with ground.spaces.opened(now.host_name) as space, traveller() as enter:
        enter(space)
        rules = (new or _NONE).encode()
        run.insist(LOAD, where=ground.where(now.name), timeout_s=_NFT_S, stdin=rules)


def in_force(planned: Machine) -> Machine:
    """Return *planned* as the namespace that the thread is in filters and translates.

    What the kernel lists is compared with what it lists of the same rules loaded afresh. Where
    they differ *planned* has no rules: those that are there may say what no plan can. Tables of
    another name are somebody else's, and not looked at.
    """
    rules = wanted(planned)
    if not rules:
        return planned
    listed = run.run(_LIST, where="netns", timeout_s=_NFT_S)
    if listed.status == 0 and listed.stdout == afresh(rules):
        return planned
    return replace(planned, policy=None, translation=None)


@lru_cache(maxsize=64)
def afresh(rules: str) -> bytes:
    """Return what the kernel lists of *rules* in a namespace where there are no others.

    Raises:
        CommandError: there is no nft, or the kernel takes no such rules.
        OSError: this process may not make a network namespace.
    """
    with traveller():
        kernel.unshare(kernel.NEW_NET)
        run.insist(LOAD, where="netns", timeout_s=_NFT_S, stdin=rules.encode())
        return run.insist(_LIST, where="netns", timeout_s=_NFT_S)


def wanted(machine: Machine) -> str:
    """Return the rules of *machine* as nftables reads them; empty for most."""
    if machine.policy is None and machine.translation is None:
        return ""
    from labiac.plan.nftables import ruleset  # most machines have none

    return ruleset(machine)
