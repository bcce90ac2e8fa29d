"""Base images of virtual machines on this machine: what there is, and how to get it."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labiac.cli.options import Json
from labiac.cli.output import console, write_json
from labiac.errors import UsageError

if TYPE_CHECKING:
    from labiac.images.catalogue import Entry
    from labiac.images.store import Image

app = typer.Typer()
images = typer.Typer(
    help="Base images of virtual machines: build, list, pull, import, remove.",
    no_args_is_help=True,
)
app.add_typer(images, name="image")

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


@app.callback()
def _options() -> None:
    """Stand beside the commands, so that they are a group."""


def _here(incomplete: str) -> list[str]:
    from labiac.images import store

    return [each.name for each in store.images() if each.name.startswith(incomplete)]


def _catalogued(incomplete: str) -> list[str]:
    from labiac.images.catalogue import entries

    return [each.name for each in entries() if each.name.startswith(incomplete)]


@images.command("list")
def list_images(json: Json = False) -> None:
    """Show the images that are here, and those that can be had."""
    from labiac.images import store
    from labiac.images.catalogue import entries

    here = {each.name: each for each in store.images()}
    offered = {each.name: each for each in entries()}
    names = list(dict.fromkeys((*offered, *here)))
    if json:
        write_json({"images": [_data(each, here.get(each), offered.get(each)) for each in names]})
        return
    from labiac.cli.tables import table

    rows = table("image", "here", "disk", "what it is")
    for name in names:
        rows.add_row(*_row(name, here.get(name), offered.get(name)))
    console().print(rows)


@images.command()
def build(
    mirror: Annotated[
        str, typer.Option(metavar="URL", help="Debian mirror; else the one of this machine's apt.")
    ] = "",
    anew: Annotated[bool, typer.Option("--anew", help="With the packages of today.")] = False,
    json: Json = False,
) -> None:
    """Make the lab image, debian, unless it is here as the recipe has it."""
    from labiac.images.build import build as make

    _tell(make(mirror, anew=anew), json)


@images.command()
def pull(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Of the catalogue.", autocompletion=_catalogued),
    ],
    json: Json = False,
) -> None:
    """Download an image of the catalogue, or its newer version; verified, and resumed."""
    from labiac.images.catalogue import entry
    from labiac.images.catalogue import pull as get

    _tell(get(entry(name)), json)


@images.command("import")
def import_image(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="qcow2, raw, vdi, vmdk, vhdx ...")],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="What labs call it; else the file's own.")
    ] = "",
    json: Json = False,
) -> None:
    """Take a disk image of yours; the file stays where it is."""
    from labiac.images import store

    name = name or file.stem.lower()
    if not NAME.fullmatch(name):
        limit = "1 to 63 of a-z, 0-9, dot and hyphen, the first no dot or hyphen"
        raise UsageError(f"image {name}", f"a name is {limit}", fix="name it with --name")
    if not file.is_file():
        raise UsageError(f"image {file}", "no such file", fix="check the path")
    origin, key = str(file.absolute()), store.digest(file)
    _tell(store.take(name, file, origin=origin, key=key, keep_file=True), json)


@images.command()
def remove(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Of an image here.", autocompletion=_here)
    ],
    json: Json = False,
) -> None:
    """Remove an image from this machine; labs that run on it keep what they need of it."""
    from labiac.images import store

    freed = store.remove(name)
    if json:
        write_json({"image": name, "freed": freed})
    else:
        shared = "" if freed else "; a lab or another name still has its content"
        typer.echo(f"{name} is removed: {_size(freed)} free{shared}")


def _tell(image: Image, json: bool) -> None:
    if json:
        write_json({"image": asdict(image)})
    else:
        typer.echo(f"{image.name}: {_size(image.size)}, sha256 {image.sha256}")


def _row(name: str, image: Image | None, entry: Entry | None) -> tuple[str, ...]:
    what = entry.about if entry else image.origin if image else ""
    if image is None:
        return name, "no", "", what
    return name, _size(image.size), _size(image.disk), what


def _data(name: str, image: Image | None, entry: Entry | None) -> dict[str, Any]:
    return {
        "name": name,
        "here": asdict(image) if image else None,
        "catalogue": asdict(entry) if entry else None,
    }


def _size(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
