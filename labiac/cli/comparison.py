"""What changes, as programs read it, and in the lines that people read; two plans side by side."""

from __future__ import annotations

import difflib
from collections import defaultdict
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

from labiac.plan.diff import Change, diff
from labiac.plan.model import Machine, Network
from labiac.reach.change import Passage, down
from labiac.reach.finding import shortened

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from rich.text import Text

    from labiac.backends.base import Features
    from labiac.plan.model import Item, Plan
    from labiac.plan.said import Difference
    from labiac.reach.change import Turned
    from labiac.reach.matrix import Ends

BRIEF = 72
"""So many characters of what appears or goes stand beside its name."""
STYLES = {"+": "green", "-": "red", "±": "magenta", ">": "cyan", "~": "yellow"}
_ROLES = {"pc": "PC", "nat": "NAT", "ids": "IDS"}
_SIGNS = {"create": "+", "delete": "-", "replace": "±"}
_GLOSSES = {"reseed": " (a boot with a new seed, the disk stays)"}
"""What nobody knows who has not read it here."""
HOSTS = "hosts "
"""How the fields of a hosts file begin."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two plans.

    Args:
        old: The plan before.
        new: The plan after, of the same student and backend.
        changes: Each with the pairs that it disturbs while it happens.
        turned: Pairs whose reachability changes for good.
    """

    old: Plan
    new: Plan
    changes: tuple[tuple[Change, tuple[Ends, ...]], ...]
    turned: tuple[Turned, ...]

    @property
    def same(self) -> int:
        """How many LANs, nodes and checks stay as they are."""
        count = len(self.new.networks) + len(self.new.machines) + len(self.new.checks)
        return count - sum(change.now is not None for change, _ in self.changes)

    def data(self) -> dict[str, Any]:
        """Return it as programs read it."""
        return {
            "changes": [
                change_data(change, [" -> ".join(ends) for ends in disturbed])
                for change, disturbed in self.changes
            ],
            "reachability": [
                {"from": source, "to": target, "was": was, "now": now, "reason": reason}
                for source, target, was, now, reason in self.turned
            ],
        }


class Entry(NamedTuple):
    """What people read of one change, or of several that are alike: a head, and a line a field."""

    sign: str
    title: str
    effect: str
    lines: tuple[str, ...]


def change_data(change: Change, disturbs: list[str]) -> dict[str, Any]:
    """Return *change* as programs read it, with the names of what it *disturbs*."""
    return {
        "kind": change.kind,
        "item": change.item,
        "fields": [each._asdict() for each in change.fields],
        "effect": change.effect,
        "disturbs": disturbs,
    }


def compare(
    old: Plan,
    new: Plan,
    features: Features,
    stopped: Collection[Item] = frozenset(),
    rekeyed: Collection[Item] = frozenset(),
) -> Comparison:
    """Return what differs from *old* to *new*, two plans of one student, on a backend.

    Args:
        old: The plan before.
        new: The plan after.
        features: What the backend of *new* can do.
        stopped: Items of *old* that do not run.
        rekeyed: Machines of *old* that take another SSH key.
    """
    changes = diff(
        old,
        new,
        boots=features.boots,
        live=features.live,
        hot=features.hot,
        stopped=stopped,
        rekeyed=rekeyed,
    )
    passage = Passage(reduce(down, stopped, old), new, changes)
    disturbed = tuple((change, passage.disturbs(change)) for change in changes)
    return Comparison(old, new, disturbed, passage.turned())


def entries(changes: Iterable[Change]) -> Iterator[Entry]:
    """Yield what people read of *changes*. The hosts file, which all nodes share, comes once."""
    alike: dict[Entry, list[str]] = defaultdict(list)
    hosts: dict[str, None] = {}
    renumbered: dict[str, None] = {}
    costs: dict[str, None] = {}
    for change in changes:
        own = beside_hosts(change)
        names = [each for each in change.fields if each not in own]
        hosts |= dict.fromkeys(line for each in names for line in field_lines(each))
        renumbered |= dict.fromkeys([change.item] if names else [])
        if names and not own:
            costs[change.effect] = None
        elif change.effect in {"create", "delete"}:
            lines = tuple(f"{each.field} {each.now or each.was}" for each in own)
            alike[Entry(sign(change), title(change), "", lines)] = []
        else:
            lines = tuple(line for each in own for line in field_lines(each))
            alike[Entry(sign(change), "", change.effect, lines)].append(title(change))
    for entry, titles in alike.items():
        yield entry._replace(title=", ".join(titles) or entry.title)
    if renumbered:
        whose = f"hosts file of {shortened(renumbered)}"
        lines = tuple(line.replace(HOSTS, "", 1) for line in hosts)
        yield Entry("~", whose, ", ".join(costs), lines)


def beside_hosts(change: Change) -> tuple[Difference, ...]:
    """Return the fields of *change* but for its hosts file, which tells of other nodes."""
    return tuple(each for each in change.fields if not each.field.startswith(HOSTS))


def changes_view(changes: Iterable[Change]) -> Iterator[Text]:
    """Yield what shows *changes* on a terminal, line by line."""
    from rich.text import Text

    for entry in entries(changes):
        head = Text.assemble((f"{entry.sign} {entry.title}", STYLES[entry.sign]))
        brief = ", ".join(entry.lines)
        if entry.sign in "+-" and len(brief) <= BRIEF:
            yield head.append(f"   {brief}".rstrip(), "default")
            continue
        yield head.append(f"   {entry.effect}".rstrip(), "dim")
        yield from (Text(f"    {line}", STYLES.get(line[:1], "")) for line in entry.lines)


def sign(change: Change) -> str:
    """Return the sign of *change*, one character."""
    return ">" if change.kind == "rename" else _SIGNS.get(change.effect, "~")


def title(change: Change) -> str:
    """Return what *change* is about: ``PC pc1``, ``LAN lan3``, ``check ping pc1 -> pc4``."""
    item = change.now or change.was
    if isinstance(item, Machine):
        return f"{_ROLES.get(item.role, item.role)} {item.name}"
    return f"LAN {item.name}" if isinstance(item, Network) else f"{change.kind} {change.item}"


def field_lines(difference: Difference) -> list[str]:
    """Return *difference* for people: ``eth1 address 10.0.2.1/24 -> 10.0.9.1/24``."""
    field, was, now = difference
    if any("\n" in (value or "") for value in (was, now)):
        before, after = ((value or "").splitlines() for value in (was, now))
        unified = list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]
        return [f"  {field}", *(_unified(line) for line in unified)]
    if was is None:
        return [f"+ {field} {now}"]
    return [f"- {field} {was}" if now is None else f"  {field} {was} -> {now}"]


def _unified(line: str) -> str:
    """Return a line of a unified diff with its sign where those of fields stand."""
    return f"    {line}" if line.startswith("@@") else f"{line[0]}   {line[1:]}"


def tally(comparison: Comparison) -> str:
    """Return how many items change, and how: ``1 create, 2 live, 5 the same``."""
    effects = [change.effect for change, _ in comparison.changes]
    counts = [
        f"{effects.count(each)} {each}{_GLOSSES.get(each, '')}" for each in dict.fromkeys(effects)
    ]
    return ", ".join([*counts, f"{comparison.same} the same"])


def disturbances(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Yield who disturbs, with the effect, and whom; those that disturb the same pairs together."""
    alike: dict[tuple[str, tuple[Ends, ...]], list[str]] = defaultdict(list)
    for change, disturbed in comparison.changes:
        if disturbed:
            alike[change.effect, disturbed].append(title(change))
    for (cost, disturbed), who in alike.items():
        yield f"{shortened(who)} ({cost})", pairs_text(disturbed)


def for_good(comparison: Comparison) -> Iterator[tuple[str, str, str]]:
    """Yield the pairs that turn, those with one reason together: a sign, the reason, the pairs."""
    lost: dict[str, list[Ends]] = defaultdict(list)
    gained: list[Ends] = []
    for source, target, _, now, reason in comparison.turned:
        (gained if now else lost[reason]).append((source, target))
    for reason, pairs in lost.items():
        yield "-", reason, pairs_text(pairs)
    if gained:
        yield "+", "reach each other", pairs_text(gained)


def pairs_text(pairs: Sequence[Ends]) -> str:
    """Return *pairs* in a line: ``pc1 <-> pc2`` is both directions."""
    both, told = set(pairs), {}
    for source, target in pairs:
        if (target, source) not in told:
            told[source, target] = "<->" if (target, source) in both else "->"
    return shortened(f"{source} {arrow} {target}" for (source, target), arrow in told.items())
