"""Who may log in to the nodes of a lab: an account, and the keys that it takes."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from labiac.schema.lan import Strict
from labiac.schema.scalars import broken

KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_FIX = "write a line of a .pub file: ssh-ed25519 AAAA... name"
TAKEN = frozenset({"root", "nobody", "daemon", "sshd", "frr", "systemd-network"})
"""Accounts that a guest has for itself."""


def _key(value: str) -> str:
    if "PRIVATE KEY" in value:
        raise broken("this is a private key, which nobody else shall have", _FIX)
    kind, _, rest = value.strip().partition(" ")
    encoded, _, comment = rest.strip().partition(" ")
    if kind not in KEY_TYPES or not comment.isascii() or not (comment or "x").isprintable():
        raise broken(f"{value[:40]!r} is no public SSH key", _FIX)
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    if blob[4 : 4 + len(kind)] != kind.encode():  # the key says its own kind (RFC 4253, 6.6)
        raise broken(f"{value[:40]!r} is a public SSH key that was cut", _FIX)
    return " ".join(filter(None, (kind, encoded, comment.strip())))


PublicKey = Annotated[str, AfterValidator(_key)]
"""A public SSH key as in a ``.pub`` file."""


def _user(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", value):
        problem = f"{value!r} is no name of an account"
        raise broken(problem, "write 1 to 31 small letters, digits, hyphens and underscores")
    if value in TAKEN:
        raise broken(f"{value} is an account that guests have for themselves", "write another name")
    return value


UserName = Annotated[str, AfterValidator(_user)]
"""Name of an account."""


class Login(Strict):
    """Who may log in to nodes that boot."""

    user: UserName = Field(default="lab", description="Name of the account; it may use sudo.")
    authorized_keys: tuple[PublicKey, ...] = Field(
        default=(),
        strict=False,
        description="Public SSH keys that it takes, beside that of the copy.",
    )
