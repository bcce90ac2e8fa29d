"""PowerShell over HTTPS, as Windows offers it to other machines: WinRM."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from labiac.backends.hyperv.shell import Answer, Failure, LostError, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labiac.backends.hyperv.shell import Row, Statement

T = TypeVar("T")

PASSWORD: Final = "LABIAC_HYPERV_PASSWORD"  # noqa: S105  # the name of the variable
_PORTS: Final = {"http": 5985, "https": 5986}
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_POLL_S: Final = 20


class WinRM:
    """A PowerShell at *url*: ``https://USER@HOST``.

    Over plain HTTP its messages are encrypted by themselves, but on the machine's own loopback.
    """

    edition: int = 5
    """What Windows has at that door is Windows PowerShell, whatever else is installed."""

    def __init__(self, url: str) -> None:
        from pypsrp.powershell import RunspacePool
        from pypsrp.wsman import WSMan

        at = urlsplit(url)
        plain = at.scheme == "http" and at.hostname in _LOOPBACK
        self._host = str(at.hostname)
        self._wsman = WSMan(
            self._host,
            port=at.port or _PORTS[at.scheme],
            ssl=at.scheme == "https",
            username=at.username,
            password=os.environ.get(PASSWORD, ""),
            auth="basic" if plain else "negotiate",
            encryption="never" if plain else "auto" if at.scheme == "https" else "always",
            operation_timeout=_POLL_S,
        )
        self._pool: Any = RunspacePool(self._wsman)
        self._call(self._pool.open)

    def invoke(self, statements: Sequence[Statement], *, timeout_s: float) -> Answer:
        """Run *statements* in one go.

        Raises:
            LostError: the host is gone, or takes longer than *timeout_s*.
        """
        return self._call(lambda: self._invoked(statements, timeout_s))

    def close(self) -> None:
        """End it; a host that is gone has ended it."""
        try:
            self._call(self._pool.close)
            self._wsman.close()
        except LostError:
            return

    def _invoked(self, statements: Sequence[Statement], timeout_s: float) -> Answer:
        from pypsrp.complex_objects import PSInvocationState
        from pypsrp.powershell import PowerShell

        pipeline = PowerShell(self._pool)
        for statement in statements:
            for each in statement.commands:
                pipeline.add_cmdlet(each.name)
                for name, value in each.parameters:
                    pipeline.add_parameter(name, _typed(value))
            pipeline.add_statement()
        end = time.monotonic() + timeout_s
        pipeline.begin_invoke()
        while pipeline.state == PSInvocationState.RUNNING:
            if time.monotonic() > end:
                raise LostError("hyperv", f"{self._host} does not answer for {timeout_s:g} s")
            pipeline.poll_invoke()
        found = pipeline.end_invoke()
        failures = tuple(_failure(each) for each in pipeline.streams.error)
        return Answer(tuple(_row(each) for each in found), failures)

    def _call(self, act: Callable[[], T]) -> T:
        """Do *act*, and say of what goes wrong on the way that the host is lost.

        Raises:
            LostError: it is.
        """
        from pypsrp.exceptions import WinRMError
        from requests.exceptions import RequestException

        try:
            return act()
        except (RequestException, WinRMError) as error:
            said = str(error).strip().splitlines() or [type(error).__name__]
            fix = f"winrm quickconfig on the host; the password is in {PASSWORD}"
            raise LostError("hyperv", f"{self._host}: {said[0]:.200}", fix=fix) from error


def _typed(value: object) -> object:
    """Return *value* in the protocol's own type where pypsrp would choose a smaller one."""
    from pypsrp.serializer import TaggedValue

    return TaggedValue("I64", str(int(value))) if isinstance(value, Size) else value


def _row(data: Any) -> Row:
    found = {**data.adapted_properties, **data.extended_properties}
    return {name: _plain(value) for name, value in found.items()}


def _plain(value: object) -> object:
    """Return *value* as a plain one: what is no text, number or truth is what it calls itself."""
    if value is None or isinstance(value, bool | int):
        return value
    return [_plain(each) for each in value] if isinstance(value, list) else str(value)


def _failure(record: Any) -> Failure:
    from psrpcore.types import ErrorCategory

    category = ErrorCategory(int(record.category or 0)).name
    return Failure(str(record.fq_error), category, str(record))
