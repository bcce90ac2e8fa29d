"""Images on this machine: by name, each once by its content, in any format a hypervisor reads.

A folder of labiac's holds, for the image ``debian``::

    debian.json        what it is: the content's hash, where it came from
    SHA256.qcow2       the content, which any number of names may share
    SHA256.vhdx        the same for another hypervisor, made when one asks

A file appears whole or not at all, and does not change after that. A backend that puts overlays on
one takes it into a folder of its own by a hard link, or a copy, so that no lab loses its disk's
base by `remove`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labiac.errors import LabError, UsageError
from labiac.host.home import home, keep
from labiac.host.lock import locked
from labiac.host.progress import Progress
from labiac.images.tools import as_root, need, run

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS = {"qcow2": (), "vdi": (), "vhdx": ("-o", "subformat=dynamic")}
"""What hypervisors read (QEMU, VirtualBox, Hyper-V), and how qemu-img is to write each."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is here.

    Args:
        name: What lab files call it.
        sha256: Hash of its content, hexadecimal.
        size: Bytes that it takes here.
        disk: Bytes that a guest sees; a copy may have more.
        origin: Where it came from, in words.
        key: Hash of what it was made of, or what its publisher says of it; the same: nothing to do.
    """

    name: str
    sha256: str
    size: int
    disk: int
    origin: str
    key: str


def folder() -> Path:
    """Return where the images of this user are."""
    return home() / "images"


def images() -> tuple[Image, ...]:
    """Return all images that are here, by name."""
    found = (_read(file) for file in sorted(folder().glob("*.json")))
    return tuple(image for image in found if image)


def known(name: str) -> Image | None:
    """Return the image *name*, or None where it is not here, or not whole."""
    return _read(folder() / f"{name}.json")


def image(name: str) -> Image:
    """Return the image *name*.

    Raises:
        UsageError: it is not here.
    """
    if found := known(name):
        return found
    here = ", ".join(each.name for each in images()) or "there are none yet"
    raise UsageError(
        f"image {name}",
        f"is not on this machine ({here})",
        fix="labiac image list shows which there are, and how to get them",
    )


def file_of(image: Image, form: str = "qcow2") -> Path:
    """Return the file of *image* in the format *form*; made now if it is not there yet.

    Raises:
        LabError: qemu-img is missing, or failed.
    """
    file = _content(image.sha256, form)
    if not file.exists():
        with workplace() as work:
            made = work / file.name
            with Progress(f"converting image {image.name} to {form}"):
                convert(_content(image.sha256), made, form)
            made.replace(file)
    return file


def convert(source: Path, target: Path, form: str = "qcow2", *, source_form: str = "qcow2") -> None:
    """Write the disk in *source* to *target* in another format.

    Raises:
        LabError: qemu-img is missing, or failed.
    """
    need({"qemu-img": "qemu-utils"}, "image")
    formats = ["-f", source_form, "-O", form, *FORMATS[form]]
    run(["qemu-img", "convert", *formats, str(source), str(target)], "image")


def take(name: str, file: Path, *, origin: str, key: str, keep_file: bool = False) -> Image:
    """Take the disk image *file*, of any format that qemu-img knows, into the store as *name*.

    Args:
        name: What lab files will call it.
        file: The image; it is gone afterwards.
        origin: Where it came from, in words.
        key: Hash of the file, as its publisher says or as it is.
        keep_file: Whether *file* stays where it is, and a copy is taken.

    Raises:
        LabError: it is no disk image that stands alone.
    """
    form = str(inspect(file)["format"])
    with workplace() as work, Progress(f"taking image {name}") as progress:
        whole = work / "whole.qcow2"
        if form != "qcow2":
            progress.last = f"converting it from {form}"
            convert(file, whole, source_form=form)
        elif keep_file:
            shutil.copyfile(file, whole)
        else:
            file.rename(whole)
        new = adopt(name, whole, origin=origin, key=key)
    if not keep_file:
        file.unlink(missing_ok=True)
    return new


def adopt(name: str, file: Path, *, origin: str, key: str) -> Image:
    """Take the qcow2 *file* into the store as image *name*; an older one of that name goes.

    Raises:
        LabError: it is no disk image that stands alone.
    """
    disk = int(inspect(file)["virtual-size"])
    sha256 = digest(file)
    older = known(name)
    size = file.stat().st_size
    file.chmod(0o644)  # hypervisors run as users of their own
    file.replace(_content(sha256))
    new = Image(name, sha256, size, disk, origin, key)
    keep(folder() / f"{name}.json", json.dumps(asdict(new), indent=2) + "\n")
    if older and older.sha256 != sha256:
        _forget(older.sha256)
    return new


def remove(name: str) -> int:
    """Remove image *name* and its conversions; return how many bytes the disk has free by that.

    What another name or a backend shares stays theirs, and counts nothing.

    Raises:
        UsageError: it is not here.
    """
    found = image(name)
    (folder() / f"{name}.json").unlink()
    return _forget(found.sha256)


def inspect(file: Path) -> dict[str, Any]:
    """Return what qemu-img says of *file*, which must be whole by itself.

    Raises:
        LabError: it is no disk image, or refers to other files.
    """
    need({"qemu-img": "qemu-utils"}, "image")
    said = run(["qemu-img", "info", "--output=json", str(file)], "image")
    info: dict[str, Any] = json.loads(said)
    data = info.get("format-specific", {}).get("data", {})
    if "backing-filename" in info or "data-file" in data:
        other = info.get("backing-filename") or data["data-file"]
        raise LabError(
            f"image {file}",
            f"is not whole: it refers to {other}",
            fix=f"qemu-img convert -O qcow2 {file.name} whole.qcow2, and take that",
        )
    return info


def digest(file: Path) -> str:
    """Return the SHA-256 of what is in *file*, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def workplace() -> Iterator[Path]:
    """Yield an empty folder beside the images, alone at work; what is left in it goes."""
    with locked(folder() / "lock", "waiting for another labiac, which works on images"):
        for left in folder().glob("partial-*"):  # the lock is ours: nobody works on it
            discard(left)
        work = Path(tempfile.mkdtemp(prefix="partial-", dir=folder()))
        try:
            yield work
        finally:
            discard(work)


def discard(path: Path) -> None:
    """Remove the file or folder *path*, whoever of our user's namespace owns what is in it."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    shutil.rmtree(path, ignore_errors=True)
    if path.exists():  # files of the root user of a namespace: only in there may they be removed
        run([*as_root(), "rm", "-rf", str(path)], "image")


def _forget(sha256: str) -> int:
    """Remove the content *sha256* in all formats unless an image has it; return bytes freed."""
    if any(each.sha256 == sha256 for each in images()):
        return 0
    freed = 0
    for file in folder().glob(f"{sha256}.*"):
        stat = file.stat()
        freed += stat.st_blocks * 512 if stat.st_nlink == 1 else 0
        file.unlink()
    return freed


def _content(sha256: str, form: str = "qcow2") -> Path:
    return folder() / f"{sha256}.{form}"


def _read(file: Path) -> Image | None:
    try:
        image = Image(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return image if _content(image.sha256).exists() else None
