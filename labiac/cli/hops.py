"""One pair hop by hop, drawn like a traceroute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from labiac.reach.walk import TTL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import RenderableType

    from labiac.reach.matrix import Pair
    from labiac.reach.trace import Hop, Trace

NEIGHBOURS = {4: "ARP", 6: "ND"}
"""What asks for the MAC of a neighbour, by IP version."""

RULES = {"known": "it has let the question through"}
"""What lets a packet through that no rule is about."""


BESIDE = (
    ", though not by what is drawn: a neighbour is remembered, or a rule of your own leads there"
)
"""What is said of an answer that the nodes, as they were read, do not promise."""


def hops_view(traces: Iterable[Trace], pair: Pair) -> Iterator[RenderableType]:
    """Yield what shows *traces* of *pair*: each node's choice, there and back, and the end."""
    traces = tuple(traces)
    for found in traces:
        yield Text(f"ping {found.asked} from {found.asker or pair.source}", "bold")
        yield _way(found, found.there, "" if found.back else found.problem)
        if found.back:
            yield Text(f"the reply, to {found.heard}", "bold")
            yield _way(found, found.back, found.problem)
    if pair.ok:
        beside = BESIDE if any(found.problem for found in traces) else ""
        yield Text(f"{pair.target} answers {pair.source}{beside}", "green")
    else:
        yield Text(f"{pair.target} does not answer {pair.source}: {pair.reason}", "red")


def _way(found: Trace, hops: Sequence[Hop], problem: str) -> Table:
    view = Table.grid(padding=(0, 1))
    for number, hop in enumerate(hops):
        said = Text("\n").join(_hop(NEIGHBOURS[found.version], hop, problem))
        view.add_row(f" {number}", Text(hop.node, "bold"), said)
    if hops[-1].to:
        taken = Text(f"takes it; TTL {TTL - len(hops) + 1}", "green")
        view.add_row(f" {len(hops)}", Text(hops[-1].to, "bold"), _failed(problem) or taken)
    view.add_row()
    return view


def _hop(protocol: str, hop: Hop, problem: str) -> Iterator[Text]:
    """Yield what *hop* does, a line each: its route, those it leaves aside, whom it looks for.

    A firewall, what decides; a NAT, what it makes of the packet.
    """
    if not hop.route:
        yield _failed(problem)
        return
    yield Text(f"{hop.route} {f'via {hop.via}' if hop.via else 'is on the link'}, out of {hop.nic}")
    for other in hop.others:
        yield Text(f"not {other}: {_aside(other, hop.route)}", "dim")
    if hop.to and hop.rule:
        yield Text(f"lets it through: {RULES.get(hop.rule, hop.rule)}", "yellow")
    for end, address in (("source", hop.source), ("destination", hop.target)):
        if address:
            yield Text(f"makes {address} its {end}", "yellow")
    if hop.to:
        mac = f", {hop.mac}" if hop.mac else ""
        yield Text(f"{protocol} on {hop.segment}: who has {hop.asks}? {hop.to}{mac}", "cyan")
    else:
        yield _failed(problem)


def _aside(other: str, route: str) -> str:
    """Return why a route that matches too is left aside."""
    length, chosen = (int(text.split()[0].partition("/")[2]) for text in (other, route))
    return "its next hop is silent" if length > chosen else "the longer prefix wins"


def _failed(problem: str) -> Text:
    return Text(f"✗ {problem}" if problem else "", "bold red")
