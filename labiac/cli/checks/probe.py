"""Asks the network one question from the node that it runs on, and prints the answer as JSON.

labiac does not import it: its text goes to the node, ``python3 -c TEXT SECONDS KIND ...``. It needs
Python 3.7 and its standard library there.
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import sys
from urllib.parse import urlsplit

MAX_BODY = 1 << 20
SHOWN = 400
"""Characters of a page that are shown as evidence."""


def port(seconds: float, number: str, *addresses: str) -> dict[str, object]:
    """Return what becomes of a TCP connection to each address: open, refused, no answer, ..."""
    found = {}
    for address in addresses:
        try:
            socket.create_connection((address, int(number)), seconds / len(addresses)).close()
            found[address] = "open"
        except OSError as error:
            found[address] = _said(error)
    return {"ports": found}


def page(seconds: float, url: str, contains: str) -> dict[str, object]:
    """Return the status of what *url* gives, its beginning, and whether it contains that text."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    path = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read(MAX_BODY)
    except (OSError, http.client.HTTPException) as error:
        return {"problem": _said(error)}
    shown = body[:SHOWN].decode("utf-8", "replace")
    return {"status": answer.status, "contains": contains.encode() in body, "page": shown}


def _said(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (TimeoutError, socket.timeout)):
        return "no answer"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def _late(*_: object) -> None:
    raise TimeoutError


def main(seconds: float, kind: str, *arguments: str) -> None:
    """Print the answer; give up after that many seconds, whoever keeps us waiting."""
    signal.signal(signal.SIGALRM, _late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    ask = port if kind == "port" else page
    json.dump(ask(seconds, *arguments), sys.stdout)


if __name__ == "__main__":
    main(float(sys.argv[1]), *sys.argv[2:])
