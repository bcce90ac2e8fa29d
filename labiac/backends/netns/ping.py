"""Ping from many namespaces at once, from one thread.

One raw socket a namespace and family, all watched together: every question is asked at once, and
those that stay silent are asked again at growing intervals. Nothing is started on the host.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from labiac.backends.netns.enter import traveller
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labiac.backends.base import Ping

FIRST_S: Final = 0.005
"""Wait before a silent ping is sent again; it doubles with every round ..."""
SLOWEST_S: Final = 0.5
"""... up to this, so that a measurement of t seconds sends at most 8 + 2 t packets a ping."""
QUIET_S: Final = 0.4
"""Without settling, silence this long ends it. New cables are no reason to wait longer: see
`labiac.backends.netns.carrier`."""
PATIENCE: Final = 3
"""Without settling, a ping that drew an ICMP error is given up when this many rounds got no answer.
One error is enough: of a second and a third to the same node, routers limit the rate."""
BURST: Final = 64
"""Packets sent before answers are read: one socket's buffer holds some 250 of them."""

_ECHO: Final = struct.Struct("!BBHHH8s")
_QUOTED_ECHO: Final = struct.Struct("!B3xHH")
_SOL_RAW: Final = 255
_FILTER: Final = 1  # ICMP_FILTER and ICMPV6_FILTER, each at its own level


@dataclass(frozen=True, slots=True)
class _Family:
    """What differs between ICMP (RFC 792) and ICMPv6 (RFC 4443)."""

    number: socket.AddressFamily
    protocol: int
    level: int
    request: int
    reply: int
    errors: frozenset[int]
    """Unreachable, time exceeded, parameter problem."""
    header: int
    """Length of the IP header that an error quotes; our packets carry no options."""
    destination: int
    """Where the destination stands in it: up to its end."""

    def filter(self) -> bytes:
        """Return the socket option that lets only replies and errors through."""
        types = self.errors | {self.reply}
        words = 8 if self.number == socket.AF_INET6 else 1
        blocked = (1 << 32 * words) - 1 - sum(1 << kind for kind in types)
        return struct.pack(f"={words}I", *(blocked >> 32 * i & 0xFFFFFFFF for i in range(words)))


_ICMP: Final = _Family(
    number=socket.AF_INET,
    protocol=socket.IPPROTO_ICMP,
    level=_SOL_RAW,
    request=8,
    reply=0,
    errors=frozenset({3, 11, 12}),
    header=20,
    destination=16,
)
_ICMPV6: Final = _Family(
    number=socket.AF_INET6,
    protocol=socket.IPPROTO_ICMPV6,
    level=socket.IPPROTO_ICMPV6,
    request=128,
    reply=129,
    errors=frozenset({1, 3, 4}),
    header=40,
    destination=24,
)


@dataclass(slots=True, eq=False)
class _Question:
    """One ping on its way: its packet, and what has come of it."""

    address: str
    packet: bytes
    answered: bool = False
    refused: bool = False


@dataclass(slots=True)
class _Line:
    """One raw socket in one namespace, and the questions asked through it."""

    family: _Family
    socket: socket.socket
    token: bytes = field(default_factory=lambda: os.urandom(8))
    number: int = field(default_factory=lambda: int.from_bytes(os.urandom(2), "big"))
    questions: dict[tuple[int, bytes], _Question] = field(default_factory=dict)
    """By sequence number and packed address."""

    def question(self, address: str) -> _Question:
        """Return a new question to *address*, with a sequence number of its own."""
        sequence = len(self.questions) & 0xFFFF
        echo = (self.family.request, 0, 0, self.number, sequence, self.token)
        packet = _ECHO.pack(*echo)
        if self.family is _ICMP:  # of ICMPv6, the kernel makes the checksum
            packet = _ECHO.pack(*echo[:2], _checksum(packet), *echo[3:])
        question = _Question(address, packet)
        self.questions[sequence, socket.inet_pton(self.family.number, address)] = question
        return question

    def ask(self, question: _Question) -> None:
        """Send *question*. What does not fit into a buffer now goes with the next round."""
        try:
            self.socket.sendto(question.packet, (question.address, 0))
        except BlockingIOError:
            pass
        except OSError:  # no route, no address to send from, a firewall: as good as an ICMP error
            question.refused = True

    def read(self) -> int:
        """Read all that has come in; return how many questions it answered."""
        news = 0
        while True:
            try:
                packet, sender = self.socket.recvfrom(2048)
            except BlockingIOError:
                return news
            if self.family is _ICMP:
                source, packet = packet[12:16], packet[(packet[0] & 15) * 4 :]
            else:
                source = socket.inet_pton(socket.AF_INET6, sender[0].partition("%")[0])
            news += self._take(source, packet)

    def _take(self, source: bytes, packet: bytes) -> bool:
        if packet[0] in self.family.errors:
            self._refused(packet[8:])
            return False
        if len(packet) < _ECHO.size:
            return False
        kind, _, _, number, sequence, token = _ECHO.unpack_from(packet)
        if (kind, number, token) != (self.family.reply, self.number, self.token):
            return False
        question = self.questions.get((sequence, source))
        if question is None or question.answered:
            return False
        question.answered = True
        return True

    def _refused(self, quoted: bytes) -> None:
        """Note an error for the question whose packet it quotes, if it is one of ours."""
        header = self.family.header
        if len(quoted) < header + _QUOTED_ECHO.size:
            return
        kind, number, sequence = _QUOTED_ECHO.unpack_from(quoted, header)
        question = self.questions.get((sequence, quoted[self.family.destination : header]))
        if question is not None and (kind, number) == (self.family.request, self.number):
            question.refused = True


def measure(
    namespaces: Mapping[str, int], pings: Sequence[Ping], *, timeout_s: float, settle: bool
) -> list[bool]:
    """Return, in the order asked, whether each ping was answered by the address it went to.

    Args:
        namespaces: Open network namespaces by machine name; this thread may enter them all.
        pings: The questions. A source that has no namespace gets no answer.
        timeout_s: When to give up, seconds.
        settle: Whether to go on until *timeout_s* for a ping that stays silent. Otherwise it is
            given up when it was refused for `PATIENCE` rounds, or nothing new came for `QUIET_S`.

    Raises:
        BackendError: a namespace can't be entered or left, or takes no raw socket.
    """
    with contextlib.ExitStack() as stack:
        lines = _open(stack, namespaces, pings)
        questions = {
            ping: (lines[key], lines[key].question(ping.address))
            for ping in dict.fromkeys(pings)
            if (key := _key(ping)) in lines
        }
        inbox = _Inbox(stack.enter_context(select.epoll()), lines.values())
        _ask_all(inbox, list(questions.values()), timeout_s, settle=settle)
    return [ping in questions and questions[ping][1].answered for ping in pings]


_Key = tuple[str, bool]


def _key(ping: Ping) -> _Key:
    return ping.source, ":" in ping.address


def _open(
    stack: contextlib.ExitStack, namespaces: Mapping[str, int], pings: Sequence[Ping]
) -> dict[_Key, _Line]:
    """Open the socket of each source and family that *pings* need; *stack* closes them."""
    lines: dict[_Key, _Line] = {}
    with traveller() as enter:
        for source, is_ipv6 in sorted({_key(ping) for ping in pings}):
            if source not in namespaces:
                continue
            enter(namespaces[source])
            family = _ICMPV6 if is_ipv6 else _ICMP
            try:
                raw = stack.enter_context(
                    socket.socket(
                        family.number, socket.SOCK_RAW | socket.SOCK_NONBLOCK, family.protocol
                    )
                )
            except OSError as error:
                raise BackendError(
                    f"netns {source}", "takes no raw socket to ping from", detail=str(error)
                ) from error
            raw.setsockopt(family.level, _FILTER, family.filter())
            lines[source, is_ipv6] = _Line(family, raw)
    return lines


class _Inbox:
    """The sockets of all lines, watched together."""

    def __init__(self, poller: select.epoll, lines: Iterable[_Line]) -> None:
        self._poller = poller
        self._lines = {line.socket.fileno(): line for line in lines}
        for descriptor in self._lines:
            poller.register(descriptor, select.EPOLLIN)
        self.news_at = time.monotonic()
        """When a question was last answered."""

    def read(self, wait_s: float) -> int:
        """Read what has come in, waiting up to *wait_s* for it; return how many were answered."""
        answered = sum(self._lines[ready].read() for ready, _ in self._poller.poll(wait_s))
        if answered:
            self.news_at = time.monotonic()
        return answered


def _ask_all(
    inbox: _Inbox, pending: Sequence[tuple[_Line, _Question]], timeout_s: float, *, settle: bool
) -> None:
    """Ask, listen, and ask again whoever is silent, until all is answered or given up."""
    now = time.monotonic()
    deadline, interval_s = now + timeout_s, FIRST_S

    def limit() -> float:
        return deadline if settle else min(deadline, inbox.news_at + QUIET_S)

    for rounds in itertools.count(1):
        missing = len(pending) - _ask(inbox, pending)
        again_at = min(now + interval_s, limit())
        while missing and now < again_at:
            missing -= inbox.read(again_at - now)
            now = time.monotonic()
        pending = [
            (line, question)
            for line, question in pending
            if not question.answered and (settle or rounds < PATIENCE or not question.refused)
        ]
        if not pending or now >= limit():
            return
        interval_s = min(2 * interval_s, SLOWEST_S)


def _ask(inbox: _Inbox, pending: Sequence[tuple[_Line, _Question]]) -> int:
    """Send one packet a question; return how many answers came in meanwhile."""
    answered = 0
    for count, (line, question) in enumerate(pending, start=1):
        line.ask(question)
        if count % BURST == 0:
            answered += inbox.read(0)
    return answered


def _checksum(packet: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of *packet*, whose length is even."""
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
