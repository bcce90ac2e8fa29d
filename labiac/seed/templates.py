"""Find templates and fill them in.

Whatever a template prints comes out as a quoted YAML scalar, or a list of them: no name, address
or argument of a lab file can end its place in the seed and begin another key. A name that is no
fact is an error.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from functools import cache
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING

from labiac.errors import DescriptionError, Problem
from labiac.seed.facts import Facts, MetaFacts
from labiac.seed.text import block, quoted, systemd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Environment

_PACKAGE = Path(__file__).parents[1]
SHIPPED = (_PACKAGE / "_templates", _PACKAGE.parent / "templates")
"""Where labiac's own are: in the installed package, or in a checkout."""


def render(role: str, facts: Facts, name: str, beside: Path | None = None) -> dict[str, str]:
    """Return the seed of a node: file name to text.

    Args:
        role: Folder of the templates: ``router``, ``pc``, ``firewall``, ``nat`` or ``bridge``.
        facts: What they may name.
        name: What the instance ID begins with, for people who meet it in a guest's log.
        beside: Folder of the lab file. Its ``templates/``, then that of the working directory,
            go before labiac's own, file by file.

    Raises:
        DescriptionError: a template is missing or broken, or names what is no fact.
    """
    env = environment(beside)
    user = _filled(env, f"{role}/user-data.j2", facts)
    network = _filled(env, f"{role}/network-config.j2", facts)
    unnamed = _filled(env, f"{role}/meta-data.j2", MetaFacts(facts.hostname, instance_id=""))
    content = f"{user}\0{network}\0{unnamed}".encode()
    instance_id = f"{name}-{hashlib.sha256(content).hexdigest()[:16]}"
    meta = _filled(env, f"{role}/meta-data.j2", MetaFacts(facts.hostname, instance_id))
    return {"user-data": user, "meta-data": meta, "network-config": network}


def environment(beside: Path | None = None) -> Environment:
    """Return what finds and compiles the templates of a lab file in the folder *beside*."""
    own = () if beside is None else (beside / "templates",)
    return _environment((*own, Path("templates").absolute(), *SHIPPED))


@cache
def _environment(folders: tuple[Path, ...]) -> Environment:
    # Sandboxed: a lab that is passed on may come with templates, and to plan it must be safe.
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        finalize=quoted,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(block=block, systemd=systemd)
    return made


def _filled(env: Environment, name: str, facts: Facts | MetaFacts) -> str:
    known = {field.name: getattr(facts, field.name) for field in fields(facts)}
    try:
        return env.get_template(name).render(known)
    except Exception as error:  # noqa: BLE001 -- a template is a user's program: anything may come
        raise DescriptionError([_problem(error, name, known)]) from None


def _problem(error: Exception, name: str, facts: Iterable[str]) -> Problem:
    from jinja2 import TemplateNotFound, TemplateSyntaxError

    if isinstance(error, TemplateNotFound):
        return Problem(f"templates/{name}", "", f"there is no template {error.name}", "add it")
    if isinstance(error, TemplateSyntaxError):
        place = f"{error.filename}:{error.lineno}"
        return Problem(place, "", f"this is no Jinja: {error.message}", "mend that line")
    # Jinja gives a traceback the templates' own files and lines.
    lines = [line for line in extract_tb(error.__traceback__) if line.filename.endswith(".j2")]
    place = f"{lines[-1].filename}:{lines[-1].lineno}" if lines else f"templates/{name}"
    return Problem(place, "", str(error), f"a template may name {', '.join(facts)}")
