"""What a report must not tell: who ran it, where, and whom else their machine talks to."""

from __future__ import annotations

import getpass
import os
import re
import socket
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labiac.host.home import home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labiac.plan.model import Plan

_EVERYBODYS = frozenset({"root", "administrator", "admin", "user", "localhost"})
"""Names that tell nobody from anybody."""
_LETTERS_MIN = 3
"""A shorter name would be found in other words' places."""
_OURS = "LABIAC_"
_URL = re.compile(r"\b([a-z][a-z0-9+.-]*)://[^\s'\"<>]+", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]+@[\w.-]+")
_PATH = re.compile(
    r"""(?<=['"])/[^'"\n]*(?=['"])|(?<![\w/.<>])/(?!/)[^\s'":;,()<>]+|"""
    r"""\b[A-Za-z]:\\[^'"\n<>|]*|\\\\[^'"\s<>|]+"""
)
_SYSTEM = re.compile(
    r"/(dev|proc|sys|usr|etc|bin|sbin|lib)\b|[A-Za-z]:\\(Windows|Program Files)\b", re.IGNORECASE
)
"""Where the same things lie on every machine."""
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE)
_MAC = re.compile(r"\b[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}\b", re.IGNORECASE)


def anonymous(text: str, plan: Plan) -> str:
    """Return *text* without names, paths and addresses, but for those of *plan*."""
    for name, pattern in sorted(_known(), key=lambda each: len(each[1]), reverse=True):
        text = re.sub(pattern, f"<{name}>", text, flags=re.IGNORECASE)
    text = _URL.sub(r"\1://<host>", text)
    text = _MAIL.sub("<mail>", text)
    text = _PATH.sub(lambda found: found[0] if _SYSTEM.match(found[0]) else "<path>", text)
    macs = {nic.mac for machine in plan.machines for nic in machine.nics}
    text = _MAC.sub(_unless(lambda mac: mac.lower().replace("-", ":") in macs, "<mac>"), text)
    for addresses in (_IPV4, _IPV6):
        text = addresses.sub(_unless(lambda found: _is_of(plan, found), "<address>"), text)
    return text


def _known() -> Iterator[tuple[str, str]]:
    """Yield patterns of what this process knows of the machine and its user, each with a name."""
    yield "labiac", re.escape(str(home()))  # what it has there is called as the lab is
    for name, folder in (("here", Path.cwd()), ("home", Path.home())):
        if folder != folder.parent:  # a root is in every path
            yield name, rf"{re.escape(str(folder))}(?!\w)[^\s'\":;,<>]*"
    hosts = {socket.gethostname(), socket.gethostname().partition(".")[0]}
    users = set()
    with suppress(OSError, KeyError, ImportError):
        users.add(getpass.getuser())
    for name, value in os.environ.items():
        if name.startswith(_OURS) and {"/", "\\"}.intersection(value):
            yield name, re.escape(value)
            with suppress(ValueError):
                hosts.add(urlsplit(value).hostname or "")
                users.add(urlsplit(value).username or "")
    for name, words in (("host", hosts), ("user", users)):
        for word in words:
            if len(word) >= _LETTERS_MIN and word.lower() not in _EVERYBODYS:
                yield name, rf"(?<!\w){re.escape(word)}(?!\w)"


def _unless(is_kept: Callable[[str], bool], placeholder: str) -> Callable[[re.Match[str]], str]:
    return lambda found: found[0] if is_kept(found[0]) else placeholder


def _is_of(plan: Plan, text: str) -> bool:
    """Return whether *text* may be told: an address of *plan*, everybody's own, or none at all."""
    try:
        address = ip_address(text)
    except ValueError:
        return True
    subnets = (ip_network(each) for lan in plan.networks for each in (lan.ipv4, lan.ipv6) if each)
    everybodys = address.is_loopback or address.is_unspecified
    return everybodys or any(address in subnet for subnet in subnets)
