"""One state of a lab, of which one asks who reaches whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labiac.reach.conversation import exchange
from labiac.reach.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labiac.plan.model import Plan
    from labiac.reach.fabric import Node
    from labiac.reach.matrix import Ends


class Asked:
    """A plan that is asked who reaches whom, by the nodes' new names.

    Args:
        plan: The plan.
        names: What it calls nodes that have a new name.

    Attributes:
        nodes: Its nodes, by its own names.
    """

    def __init__(self, plan: Plan, names: Mapping[str, str]) -> None:
        self._judge = Judge(plan)
        self._names = names
        self.nodes = {node.name: node for node in self._judge.nodes}

    def node(self, name: str) -> Node | None:
        """Return the node called *name*, or None: there is none."""
        return self.nodes.get(self._old(name))

    def _old(self, name: str) -> str:
        return self._names.get(name, name)

    def kind(self, name: str) -> int | None:
        """Return what *name* has in common with those that others reach alike, or not."""
        node = self.node(name)
        return self._judge.kind(node) if node else None

    def answers(self, ends: Ends) -> bool:
        """Return whether *ends* reach each other."""
        source, target = map(self.node, ends)
        return bool(source and target and self._judge.judgement(source, target).ok)

    def owners(self) -> Iterator[tuple[tuple[int, int], str]]:
        """Yield each address, with its IP version, and who has it, by the name in the plan."""
        for version, plane in self._judge.planes.items():
            for value, ports in plane.owners.items():
                yield from (((version, value), plane.nodes[port.node].name) for port in ports)

    def hidden(self, ends: Ends, nat: str) -> list[int]:
        """Return the addresses that *nat* gives the questions of *ends*."""
        source, target = map(self.node, ends)
        if source is None or target is None:
            return []
        return [
            act.source
            for plane, asked in self._judge.questions(source, target)
            for way in exchange(plane, source, target, asked).there
            for act in way.acts
            if act.source is not None and plane.nodes[way.at(act.hop)].name == self._old(nat)
        ]

    def reason(self, ends: Ends) -> str:
        """Return why *ends* do not reach each other; empty when they do."""
        source, target = map(self.node, ends)
        if source is None or target is None:
            return f"{ends[0] if source is None else ends[1]} is gone"
        judgement = self._judge.judgement(source, target)
        return "" if judgement.ok else self._judge.reason(judgement, source, target)

    def between(self, ends: Ends) -> set[str]:
        """Return who the packets of *ends* go through, by the names in the plan."""
        source, target = map(self.node, ends)
        if source is None or target is None:
            return set()
        found = (
            (plane, exchange(plane, source, target, asked))
            for plane, asked in self._judge.questions(source, target)
        )
        names = {
            plane.nodes[port.node].name
            for plane, talk in found
            for way in (*talk.there, *talk.back)
            for port in way.visits
        }
        return names - {source.name, target.name}

    @property
    def has_ipv6(self) -> bool:
        """Whether anybody has an IPv6 address."""
        return bool(self._judge.planes[6].owners)
