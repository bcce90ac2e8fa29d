"""The question to a name server, as a command; and its answer, read back."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labiac.plan.checks import DnsCheck

RESOLVER = {"A": "ahostsv4", "AAAA": "ahostsv6"}
"""What getent calls the addresses of each IP version."""


def argv(asked: DnsCheck, seconds: float) -> list[str]:
    """Return the command that asks: the node's own resolver for addresses, else dig."""
    if not asked.server and asked.type in RESOLVER:
        return ["getent", RESOLVER[asked.type], asked.name]
    server = [f"@{asked.addresses[0]}"] if asked.server else []
    patience = ["+tries=1", f"+time={max(1, int(seconds))}"]
    return ["dig", "-r", "+short", *patience, "-t", asked.type, "-q", asked.name, *server]


def records(asked: DnsCheck, output: str) -> list[str]:
    """Return the records in the *output* of that command, each once, in a form to compare."""
    lines = [line for line in output.splitlines() if line and not line.startswith(";")]
    if not asked.server and asked.type in RESOLVER:
        lines = [line.split()[0] for line in lines]
    said = (alike(asked, line) for line in lines)
    return list(dict.fromkeys(each for each in said if not each.startswith("::ffff:")))


def missing(asked: DnsCheck, found: Iterable[str]) -> list[str]:
    """Return the records that *asked* wants, and are not among those *found*."""
    known = set(found)
    return [record for record in asked.answers if alike(asked, record) not in known]


def alike(asked: DnsCheck, record: str) -> str:
    """Return *record* in a form in which what means the same is the same."""
    if asked.type in RESOLVER:
        try:
            return str(ipaddress.ip_address(record))
        except ValueError:  # the name that an alias stands for
            return record
    if asked.type == "TXT":
        return record.removeprefix('"').removesuffix('"')
    return " ".join(part.removesuffix(".").lower() for part in record.split())
