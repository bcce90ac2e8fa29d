"""Builds the lab image from ``recipe/``: Debian packages, a few files, no network once it runs.

The recipe is data and one fixed script; no value of a user's is in it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labiac.errors import LabError
from labiac.host.progress import Progress
from labiac.images import disk
from labiac.images.store import adopt, discard, known, workplace
from labiac.images.tools import as_root, need, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.images.store import Image

NAME = "debian"
"""What lab files call the lab image."""

SUITE = "trixie"

WHERE = "image build"

RECIPE = Path(__file__).with_name("recipe")

NEEDS = {"mmdebstrap": "mmdebstrap", "apt-get": "apt", "unshare": "util-linux", **disk.NEEDS}

LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
"""Files of packages that no node needs, and no package misses."""


def build(mirror: str = "", *, anew: bool = False) -> Image:
    """Return the lab image; made now unless it is here as the recipe has it.

    Args:
        mirror: URL of a Debian mirror; else the one that this machine's apt uses.
        anew: Whether to make it in any case, with the packages of today.

    Raises:
        LabError: a program is missing, there is no mirror, or a step failed.
    """
    key = recipe_key()
    if not anew and (image := _same(key)):
        return image
    need(NEEDS if os.geteuid() == 0 else NEEDS | {"newuidmap": "uidmap"}, WHERE)
    source = mirror or apt_mirror()
    with workplace() as work, Progress(f"building image {NAME}") as progress:
        if not anew and (image := _same(key)):
            return image  # another process has just made it
        tree = _tree(work, source, progress)
        progress.last = "writing the disk"
        made = work / "disk.qcow2"
        disk.write(tree, made, partial(_run, progress), as_root=as_root())
        discard(tree)
        return adopt(NAME, made, origin=f"built here from Debian {SUITE}", key=key)


def recipe_key() -> str:
    """Return a hash of all that decides what the image is, but for the day's packages."""
    files = sorted(each for each in RECIPE.rglob("*") if each.is_file())
    parts = [f"{each.relative_to(RECIPE)}\n".encode() + each.read_bytes() for each in files]
    inputs = [SUITE.encode(), *parts, Path(disk.__file__).read_bytes(), Path(__file__).read_bytes()]
    return hashlib.sha256(b"\0".join(inputs)).hexdigest()


def packages() -> list[str]:
    """Return the packages of the recipe; the rest of a line after ``#`` is for people."""
    lines = (RECIPE / "packages").read_text().splitlines()
    return [name for line in lines if (name := line.partition("#")[0].strip())]


def apt_mirror() -> str:
    """Return the URL of the Debian mirror that this machine's apt is configured with.

    Raises:
        LabError: there is none, or apt has not looked at it yet.
    """
    query = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"]
    for line in run([*query, "Created-By: Packages"], WHERE).splitlines():
        origin, _, rest = line.partition(" ")
        label, _, url = rest.partition(" ")
        if origin == label == "Debian":
            return url
    raise LabError(
        WHERE,
        "apt knows of no Debian mirror here",
        fix="apt-get update, where apt's sources have one; else name one: --mirror URL",
    )


def _same(key: str) -> Image | None:
    image = known(NAME)
    return image if image and image.key == key else None


def _tree(work: Path, mirror: str, progress: Progress) -> Path:
    """Return a folder with the files of the image, made by mmdebstrap and the recipe's script."""
    recipe, tree = work / "recipe", work / "tree"
    shutil.copytree(RECIPE, recipe)
    for path in (recipe, *recipe.rglob("*")):  # as in the guest, whatever the umask was here
        path.chmod(0o755 if path.is_dir() or path.read_bytes().startswith(b"#!") else 0o644)
    # fmt: off
    argv = [
        *as_root(), "mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase",
        "--components=main", '--aptopt=Acquire::Languages "none"',
        *(f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT),
        f"--include={','.join(packages())}",
        f"--customize-hook={recipe / 'customise'}",
        SUITE, str(tree), mirror,
    ]
    # fmt: on
    _run(progress, argv)
    return tree


def _run(progress: Progress, argv: Sequence[str], *, stdin: Path = Path(os.devnull)) -> None:
    def show(line: str) -> None:
        progress.last = line.removeprefix("I: ")

    run(argv, WHERE, stdin=stdin, on_line=show)
