"""The life of a Network or a Machine: one plan item, carried to its backend and back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labiac.backends.base import Watched, ref_of
from labiac.errors import BackendError, ForeignError
from labiac.plan.document import from_data, to_data
from labiac.plan.effects import Kind, effect, live_between, worst
from labiac.plan.model import Item, Machine, Network
from labiac.provider.key import PUBLIC
from labiac.provider.lifecycle import (
    CopyArgs,
    Diff,
    Effected,
    HalfMadeError,
    Made,
    backend,
    copy_of,
    unknown_backend,
)
from labiac.provider.shape import Failure, completed, failures, properties, snake
from labiac.provider.values import Change, changes, to_camel, to_snake, unknown
from labiac.seed.key import with_key, without_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from labiac.backends.base import Backend, Observed
    from labiac.plan.effects import Effect
    from labiac.provider.lifecycle import Task
    from labiac.provider.values import Properties


@dataclass(frozen=True)
class NetworkArgs(Network):
    """One LAN's switch.

    Args:
        copy: Whose copy it belongs to.
    """

    copy: CopyArgs


@dataclass(frozen=True)
class MachineArgs(Machine):
    """One node with its NICs and its seed.

    Args:
        copy: Whose copy it belongs to.
        network_ids: IDs of the Networks its NICs are plugged into. They exist before it does,
            and a network that is made anew takes its machines with it.
        key: Public SSH key that takes its place in the seed.
        host: Which machine of a cluster shall have it; one that is up stays where it is.
    """

    copy: CopyArgs
    network_ids: tuple[str, ...] | None
    key: str | None
    host: str | None


@dataclass(frozen=True)
class Items:
    """The life of one kind of plan item."""

    kind: Kind
    item: type[Item]
    args: type[NetworkArgs | MachineArgs]

    def check(self, inputs: Properties) -> list[Failure]:
        """Return everything that is wrong with *inputs*, each with its property path."""
        if unknown(inputs):
            return []
        found = [*failures(self.args, inputs, ""), *unknown_backend(inputs)]
        if inputs.get("key") and not PUBLIC.fullmatch(str(inputs["key"])):
            found.append(Failure("key", "is no public SSH key, and must be that of a Key"))
        return found

    def diff(self, olds: Properties, news: Properties) -> Diff:
        """Return what differs, and what each change costs while the lab runs."""
        was, now = completed(self.args, olds), completed(self.args, news)
        features = backend(now["copy"]["backend"]).features
        live: Collection[str] = features.live
        if not unknown(now):
            live = live_between(self._item(was), self._item(now), live, features.hot)
        differ = [
            Effected(change, self._effect(change.path, boots=features.boots, live=live))
            for change in changes(was, now)
            if not change.path.startswith("networkIds") or unknown(now["networkIds"])
        ]
        if olds.get("running") is False and now.get("start", True):
            differ.append(Effected(Change("running", "update"), "restart"))
        return Diff(differ, _disturbance(now, differ))

    def identity(self, inputs: Properties) -> str:
        """Return the ID of the item: its backend, and where that finds it."""
        ref = ref_of(copy_of(inputs), self.kind, inputs["name"])
        return f"{inputs['copy']['backend']}:{ref}"

    def create(self, task: Task, inputs: Properties) -> Made:
        """Make the item, or complete what an interrupted run left of it.

        Raises:
            ForeignError: an object of that name is not labiac's; nothing was made.
            HalfMadeError: the host refused midway; the state keeps what `delete` must clear.
        """
        identity = self.identity(inputs)
        try:
            there, copy = _backend(inputs, task), copy_of(inputs, task.owner)
            observed = there.create(copy, self._item(inputs))
        except ForeignError:
            raise
        except BackendError as error:
            raise HalfMadeError(Made(identity, {**inputs, "running": False}), error) from error
        task.say(f"{inputs['name']} up")
        return Made(identity, _state(inputs, observed))

    def read(
        self, _task: Task, identity: str, olds: Properties, _inputs: Properties
    ) -> Made | None:
        """Return the item as it is now, or None when it is gone. An import has no *olds*."""
        name, _, ref = identity.partition(":")
        observed = backend(name).read(ref)
        if observed is None:
            return None
        if olds and isinstance(observed.item, Machine) and observed.item.student:
            return Made(identity, {**olds, "running": observed.running})
        lab, student, *_ = ref.split("/")
        copy = {"lab": lab, "student": student, "backend": name}
        return Made(identity, _state({**olds, "copy": copy}, observed))

    def update(self, task: Task, identity: str, olds: Properties, news: Properties) -> Made:
        """Change in place what differs; what does not run is brought back whole."""
        if olds.get("running") is False:
            return self.create(task, news)
        ref = identity.partition(":")[2]
        observed = _backend(news, task).update(ref, self._item(olds), self._item(news))
        task.say(f"{news['name']} updated")
        return Made(identity, _state(news, observed))

    def delete(self, task: Task, identity: str) -> None:
        """Delete the item. The ID alone is enough: neither lab file nor inputs are needed."""
        name, _, ref = identity.partition(":")
        backend(name).delete(ref)
        task.say(f"{ref.rpartition('/')[2]} gone")

    def inputs(self, state: Properties) -> Properties:
        """Return the inputs that would make *state*: an import starts from these."""
        return {name: state.get(name) for name in properties(self.args)}

    def _item(self, known: Properties) -> Item:
        item = from_data(self.item, to_snake(completed(self.args, known)))
        return _keyed(item, known.get("key"), with_key)

    def _effect(self, path: str, *, boots: bool, live: Collection[str]) -> Effect:
        if path.startswith(("copy", "networkIds")):
            return "replace"
        if path == "host":
            return "live"
        path = "seed" if path == "key" else path
        return effect(self.kind, snake(path), boots=boots, live=live)


def _backend(inputs: Properties, task: Task) -> Backend:
    """Return the backend of *inputs*, which tells *task* what it waits for, if it ever does."""
    there = backend(inputs["copy"]["backend"])
    return there.watched(task) if isinstance(there, Watched) else there


def _state(inputs: Properties, observed: Observed) -> Properties:
    item = _keyed(observed.item, inputs.get("key"), without_key)
    return {**inputs, **to_camel(to_data(item)), "running": observed.running}


def _keyed(item: Item, key: str | None, change: Callable[[str, str], str]) -> Item:
    """Return *item* with what *change* makes of its seed and the *key*; without a key, as it is."""
    if key is None or not isinstance(item, Machine):
        return item
    seed = tuple(replace(file, text=change(file.text, key)) for file in item.seed)
    return replace(item, seed=seed)


def _disturbance(machine: Properties, differ: list[Effected]) -> str:
    """Return whom a change that is not live cuts off for that time, or the empty string."""
    cost = worst(each.effect for each in differ)
    lans = sorted({nic["network"] for nic in machine.get("nics", ()) if nic["network"]})
    if cost == "live" or not lans:
        return ""
    causes = sorted({each.change.path for each in differ if each.effect == cost})
    verb = {"restart": "restarts", "reseed": "reboots with a new seed", "replace": "is made anew"}
    return f"{machine['name']} {verb[cost]} ({', '.join(causes)}): {', '.join(lans)} do without it"
