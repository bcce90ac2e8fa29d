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
from labiac.seed import key
from labiac.seed.facts import Facts, MetaFacts
from labiac.seed.text import block, line, quoted, systemd, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jinja2 import Environment

_PACKAGE = Path(__file__).parents[1]
SHIPPED = (_PACKAGE / "_templates", _PACKAGE.parent / "templates")
"""Where labiac's own are: in the installed package, or in a checkout."""


def render(
    folders: Sequence[str],
    facts: Facts,
    name: str,
    beside: Path | None = None,
    add: Callable[[str], str] = str,
) -> dict[str, str]:
    """Return the seed of a node: file name to text.

    Args:
        folders: Where its templates are; each file is taken from the first that has it. The last
            is the role's: ``router``, ``pc``, ``firewall``, ``nat``, ``bridge``, ``ids`` or
            ``switch``.
        facts: What they may name.
        name: What the instance ID begins with, for people who meet it in a guest's log.
        beside: Folder of the lab file. Its ``templates/``, then that of the working directory,
            go before labiac's own, file by file.
        add: What makes the user-data that the guest reads of the one that comes out.

    Raises:
        DescriptionError: a template is missing or broken, or names what is no fact.
    """
    env = environment(beside)
    user = add(_filled(env, folders, "user-data.j2", facts))
    network = _filled(env, folders, "network-config.j2", facts)
    unnamed = _filled(env, folders, "meta-data.j2", MetaFacts(facts.hostname, instance_id=""))
    content = f"{user}\0{network}\0{unnamed}"
    instance_id = f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    if key.PLACE in content:
        instance_id += f"-{key.UNKEYED}"
    meta = _filled(env, folders, "meta-data.j2", MetaFacts(facts.hostname, instance_id))
    return {"user-data": user, "meta-data": meta, "network-config": network}


def has(folder: str, beside: Path | None = None) -> bool:
    """Return whether there is a template in *folder*, of the user's own or of labiac's."""
    return any(name.startswith(f"{folder}/") for name in environment(beside).list_templates())


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
    made.filters.update(block=block, line=line, systemd=systemd, word=word)
    return made


def _filled(env: Environment, folders: Sequence[str], name: str, facts: Facts | MetaFacts) -> str:
    known = {field.name: getattr(facts, field.name) for field in fields(facts)}
    names = [f"{folder}/{name}" for folder in folders]
    try:
        return env.select_template(names).render(known)
    except Exception as error:  # noqa: BLE001 -- a template is a user's program: anything may come
        raise DescriptionError([_problem(error, names[-1], known)]) from None


def _problem(error: Exception, name: str, facts: Iterable[str]) -> Problem:
    from jinja2 import TemplateNotFound, TemplatesNotFound, TemplateSyntaxError

    if isinstance(error, TemplatesNotFound):
        return Problem(f"templates/{name}", "", f"there is no template {name}", "add it")
    if isinstance(error, TemplateNotFound):
        return Problem(f"templates/{name}", "", f"there is no template {error.name}", "add it")
    if isinstance(error, TemplateSyntaxError):
        place = f"{error.filename}:{error.lineno}"
        return Problem(place, "", f"this is no Jinja: {error.message}", "mend that line")
    # Jinja gives a traceback the templates' own files and lines.
    lines = [line for line in extract_tb(error.__traceback__) if line.filename.endswith(".j2")]
    place = f"{lines[-1].filename}:{lines[-1].lineno}" if lines else f"templates/{name}"
    return Problem(place, "", str(error), f"a template may name {', '.join(facts)}")
