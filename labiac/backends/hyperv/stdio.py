"""PowerShell over the standard input and output of a program: on this machine, or by ssh.

A line is one packet of PowerShell's remoting protocol, as its own child processes speak it.
"""

from __future__ import annotations

import base64
import os
import re
from threading import Timer
from typing import TYPE_CHECKING, Final
from uuid import UUID

from labiac.backends.hyperv.shell import Answer, Failure, LostError, Size
from labiac.backends.run import partner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labiac.backends.hyperv.shell import Row, Statement

_POOL: Final = UUID(int=0)
"""What packets are about that are about no pipeline."""
_PACKET: Final = 32768
_LINE: Final = re.compile(
    rb"<(\w+)(?: Stream=['\"]\w+['\"])? PSGuid=['\"]([0-9a-fA-F-]{36})['\"] ?(?:/>|>([^<]*)<)"
)
_OPEN_S: Final = 60.0


class Stdio:
    """A PowerShell that *argv* starts and that serves its standard input."""

    def __init__(self, argv: Sequence[str]) -> None:
        import psrpcore

        self._name = argv[0]
        try:
            self._process = partner(argv, environment=os.environ)
        except OSError as error:
            fix = "set LABIAC_HYPERV to a PowerShell, or to ssh://HOST (see docs/hyperv.md)"
            raise LostError(
                "hyperv", f"can't start {argv[0]}: {error.strerror}", fix=fix
            ) from error
        self._pool = psrpcore.ClientRunspacePool()
        self._pool.open()
        opened = psrpcore.types.RunspacePoolState.Opened
        try:
            with _Deadline(self, _OPEN_S):
                self._send()
                while self._pool.state != opened:
                    for _ in self._events():
                        pass
        except LostError:
            self.close()
            raise
        table = self._pool.application_private_data.get("PSVersionTable", {})
        self.edition = int(str(table.get("PSVersion", "5.1")).partition(".")[0])

    def invoke(self, statements: Sequence[Statement], *, timeout_s: float) -> Answer:
        """Run *statements* in one go.

        Raises:
            LostError: the host is gone, or takes longer than *timeout_s*.
        """
        import psrpcore

        pipeline = psrpcore.ClientPowerShell(self._pool)
        for statement in statements:
            for each in statement.commands:
                pipeline.add_command(each.name)
                for name, value in each.parameters:
                    pipeline.add_parameter(name, _typed(value))
            pipeline.add_statement()
        pipeline.start()
        with _Deadline(self, timeout_s):
            self._write(b"<Command PSGuid='%s' />" % str(pipeline.pipeline_id).encode())
            self._send()
            answer = self._answer()
            pipeline.close()
            self._write(b"<Close PSGuid='%s' />" % str(pipeline.pipeline_id).encode())
        return answer

    def close(self) -> None:
        """End it."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what it has not read is lost with it
                    continue
        self._process.wait()

    def _answer(self) -> Answer:
        import psrpcore
        from psrpcore.types import PSInvocationState as State

        rows: list[Row] = []
        failures: list[Failure] = []
        while True:
            for event in self._events():
                if isinstance(event, psrpcore.PipelineOutputEvent):
                    rows.append(_row(event.data))
                elif isinstance(event, psrpcore.ErrorRecordEvent):
                    failures.append(_failure(event.record))
                elif isinstance(event, psrpcore.PipelineStateEvent):
                    if event.state == State.Failed and event.reason:
                        failures.append(_failure(event.reason))
                    if event.state in (State.Completed, State.Failed, State.Stopped):
                        return Answer(tuple(rows), tuple(failures))

    def _events(self) -> Iterator[object]:
        """Read one line, and yield what it completes."""
        import psrpcore

        kind, whose, data = self._read()
        if kind == b"Data":
            stream = psrpcore.StreamType.default
            about = None if whose == _POOL else whose
            packet = psrpcore.PSRPPayload(base64.b64decode(data), stream, about)
            self._pool.receive_data(packet)
        while (event := self._pool.next_event()) is not None:
            yield event

    def _read(self) -> tuple[bytes, UUID, bytes]:
        line = self._process.stdout.readline() if self._process.stdout else b""
        if not line:
            raise LostError("hyperv", f"{self._name} ended, or does not answer")
        match = _LINE.search(line)
        if match is None:
            raise LostError(
                "hyperv", f"{self._name} does not speak PowerShell's protocol: {line!r:.80}"
            )
        return match[1], UUID(match[2].decode()), match[3] or b""

    def _send(self) -> None:
        while (packet := self._pool.data_to_send(_PACKET)) is not None:
            whose = str(packet.pipeline_id or _POOL).encode()
            data = base64.b64encode(packet.data)
            self._write(b"<Data Stream='Default' PSGuid='%s'>%s</Data>" % (whose, data))

    def _write(self, line: bytes) -> None:
        stream = self._process.stdin
        try:
            if stream is not None:
                stream.write(line + b"\n")
                stream.flush()
        except OSError as error:
            raise LostError("hyperv", f"{self._name} ended: {error.strerror}") from error


class _Deadline:
    """Ends a shell that has not answered in time: whoever reads from it finds its end."""

    def __init__(self, shell: Stdio, timeout_s: float) -> None:
        self._timer = Timer(timeout_s, shell._process.kill)  # noqa: SLF001  # a part of it
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _typed(value: object) -> object:
    """Return *value* as the protocol's own type where Python's says too little."""
    from psrpcore.types import PSInt64

    return PSInt64(value) if isinstance(value, Size) else value


def _row(data: object) -> Row:
    about = getattr(data, "PSObject", None)
    if about is None:
        return {}
    found = [*about.adapted_properties, *about.extended_properties]
    return {each.name: _plain(each.get_value(data)) for each in found}


def _plain(value: object) -> object:
    """Return *value* as a plain one: what is no text, number or truth is what it calls itself."""
    if value is None or isinstance(value, bool):
        return value
    is_enum = "System.Enum" in str(getattr(value, "PSTypeNames", ""))
    if isinstance(value, int) and not is_enum:
        return int(value)
    return [_plain(each) for each in value] if isinstance(value, list) else str(value)


def _failure(record: object) -> Failure:
    """Return what an error record says."""
    exception = getattr(record, "Exception", None)
    category = getattr(getattr(record, "CategoryInfo", None), "Category", None)
    return Failure(
        str(getattr(record, "FullyQualifiedErrorId", "")),
        getattr(category, "name", str(category)),
        str(getattr(exception, "Message", "")),
    )
