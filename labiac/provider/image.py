"""The life of an Image: a base image where machines boot from it, which no stack takes away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labiac.backends import BACKENDS, here
from labiac.backends.base import BootsImages
from labiac.errors import LabError
from labiac.provider.lifecycle import Diff, Effected, Made, backend
from labiac.provider.shape import Failure, completed, failures, properties
from labiac.provider.values import changes, unknown

if TYPE_CHECKING:
    from labiac.backends.base import BaseImage
    from labiac.provider.lifecycle import Task
    from labiac.provider.values import Properties


@dataclass(frozen=True)
class ImageArgs:
    """A base image where machines boot from it: shared by all copies, and kept when it is deleted.

    Args:
        backend: What boots from it: `libvirt`.
        name: What lab files call it.
        sha256: Hash of its content, hexadecimal; of none, whichever is there will do.
    """

    backend: str
    name: str
    sha256: str | None


class Image:
    """The life of a base image."""

    def check(self, inputs: Properties) -> list[Failure]:
        """Return everything that is wrong with *inputs*, each with its property path."""
        if unknown(inputs):
            return []
        found = list(failures(ImageArgs, inputs, ""))
        name = inputs.get("backend")
        if not found and not (name in BACKENDS and _boots(str(name))):
            booting = ", ".join(sorted(filter(_boots, here())))
            found.append(Failure("backend", f"is {name!r}, and must be one of {booting}"))
        return found

    def diff(self, olds: Properties, news: Properties) -> Diff:
        """Return what differs. Another content is for new disks: those there are keep theirs."""
        was, now = completed(ImageArgs, olds), completed(ImageArgs, news)
        if now["sha256"] is None:
            now["sha256"] = was["sha256"]
        return Diff(
            [
                Effected(change, "live" if change.path == "sha256" else "replace")
                for change in changes(was, now)
            ]
        )

    def identity(self, inputs: Properties) -> str:
        """Return the ID of the image, the same in all stacks: ``libvirt:image/debian``."""
        return f"{inputs['backend']}:image/{inputs['name']}"

    def create(self, task: Task, inputs: Properties) -> Made:
        """Have the image where machines boot from it; others may have brought it already.

        Raises:
            BackendError: this machine has no such image, or the host refused.
        """
        task.say(f"{inputs['name']}: bringing it to where machines boot")
        brought = _booting(inputs["backend"]).bring(inputs["name"])
        return self._made(inputs["backend"], brought)

    def read(self, _task: Task, identity: str, olds: Properties, _in: Properties) -> Made | None:
        """Return the image as it is there, or None when it is gone. An import has no *olds*."""
        where, _, path = identity.partition(":")
        name = path.removeprefix("image/")
        there = _booting(where).brought(name, olds.get("sha256") or "")
        return self._made(where, there) if there else None

    def update(self, task: Task, _identity: str, _olds: Properties, news: Properties) -> Made:
        """Have another content there too; the old one stays, since disks stand on it."""
        return self.create(task, news)

    def delete(self, _task: Task, _identity: str) -> None:
        """Forget it: it stays where it is, for others and for the next time."""

    def inputs(self, state: Properties) -> Properties:
        """Return the inputs that would make *state*."""
        return {name: state.get(name) for name in properties(ImageArgs)}

    def _made(self, where: str, image: BaseImage) -> Made:
        known = {
            "backend": where,
            "name": image.name,
            "sha256": image.sha256,
            "format": image.format,
            "size": image.size,
        }
        return Made(self.identity(known), known)


def _boots(name: str) -> bool:
    return isinstance(backend(name), BootsImages)


def _booting(name: str) -> BootsImages:
    """Return the backend called *name*, which an ID names too: anybody may have written that."""
    there = backend(name) if name in BACKENDS else None
    if there is None or not isinstance(there, BootsImages):
        raise LabError(f"backend {name}", "boots nothing from images", fix="use libvirt")
    return there
