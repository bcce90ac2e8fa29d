"""The private SSH key of a copy, out of the state of its stack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labiac.fleet.pulumi_cli import find
from labiac.fleet.settings import stack_name, state_file
from labiac.fleet.stack import ASIDE_S, Stack

if TYPE_CHECKING:
    from labiac.backends.base import Copy

_KEY = re.compile(
    r"^-----BEGIN (\w+ )PRIVATE KEY-----\n(?:.*\n)+?-----END \1PRIVATE KEY-----\n", re.MULTILINE
)


def private_key(copy: Copy) -> str | None:
    """Return the private key that the nodes of *copy* take, None where there is none.

    Raises:
        LabError: there is no Pulumi CLI, and none could be had.
        TimeoutError: the CLI does not answer.
    """
    stack = Stack(find().path, stack_name(copy), state_file(copy))
    if not stack.exists:
        return None
    ended = stack.run("stack", "output", "sshKey", "--show-secrets", timeout_s=ASIDE_S)
    found = _KEY.search(ended.output)
    return found[0] if found else None
