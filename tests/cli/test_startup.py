"""A command imports what it needs, and no more: most of a short command's time is imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

RUN = """\
import sys
from labiac.cli import main
try:
    main()
except SystemExit:
    print(*sys.modules, file=sys.stderr)
"""


def imported(*arguments: str) -> set[str]:
    argv = [sys.executable, "-c", RUN, *arguments]
    return set(subprocess.run(argv, capture_output=True, text=True, check=True).stderr.split())


@pytest.mark.parametrize(
    ("arguments", "spared"),
    [
        (["status", "--json"], {"labiac.schema", "pulumi", "rich", "yaml"}),
        (["plan", "three-lans", "--json"], {"grpc", "jinja2", "labiac.reach", "pulumi", "rich"}),
        (["plan", "three-lans"], {"grpc", "jinja2", "pulumi", "pyroute2"}),
        (["reach", "three-lans", "--json"], {"labiac.backends.netns", "pulumi", "rich"}),
        (["check", "three-lans", "--backend", "memory"], {"labiac.backends.netns", "pulumi"}),
    ],
)
def test_a_command_does_without_what_it_does_not_need(arguments, spared):
    modules = imported(*arguments)
    assert "labiac.cli.app" in modules
    assert not spared & modules
