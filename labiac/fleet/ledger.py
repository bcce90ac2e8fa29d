"""What came of each student's last operation, and a log of all of them, in labiac's own folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from labiac.fleet.events import Message
from labiac.host.home import home, keep

if TYPE_CHECKING:
    from pathlib import Path

    from labiac.fleet.events import News

UNFINISHED = "it was begun, and did not end"


@dataclass(frozen=True, slots=True)
class Entry:
    """The last operation on one copy.

    Args:
        what: ``up`` or ``destroy``.
        ok: Whether all of it was done.
        reason: Why not, or empty.
        when: The time it began or ended, with its zone.
    """

    what: str
    ok: bool
    reason: str
    when: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The operations on the copies of one lab."""

    lab: str

    def begin(self, copy: str, what: str) -> None:
        """Note that *what* is begun for *copy*: whatever ends labiac now, it is not done.

        Raises:
            OSError: labiac's own folder cannot be written.
        """
        self._write(copy, Entry(what, ok=False, reason=UNFINISHED, when=_now()))

    def end(self, copy: str, what: str, reason: str) -> None:
        """Note what came of *what* for *copy*; *reason* says why it failed, if it did.

        Raises:
            OSError: labiac's own folder cannot be written.
        """
        self._write(copy, Entry(what, ok=not reason, reason=reason, when=_now()))
        self.log(copy, f"{what} failed: {reason}" if reason else f"{what} done")

    def last(self, copy: str) -> Entry | None:
        """Return the last operation on *copy*, or None: there is none that is legible."""
        try:
            return Entry(**json.loads(self._file(copy, "json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def forget(self, copy: str) -> None:
        """Delete all that is kept of *copy*."""
        for suffix in ("json", "log"):
            self._file(copy, suffix).unlink(missing_ok=True)

    def log(self, copy: str, text: str) -> None:
        """Append *text* to the log of *copy*, each line with the time.

        Raises:
            OSError: labiac's own folder cannot be written.
        """
        now = _now()
        with self.log_file(copy).open("a", encoding="utf-8") as stream:
            stream.writelines(f"{now} {line}\n" for line in text.splitlines())

    def news(self, copy: str, news: News) -> None:
        """Append what the engine tells of *copy*, lines that only pass by aside.

        Raises:
            OSError: labiac's own folder cannot be written.
        """
        if not isinstance(news, Message):
            if news.state != "running":
                told = f"{news.op} {news.name} {news.state} in {news.seconds:.2f} s"
                self.log(copy, told)
        elif not news.passing:
            self.log(copy, f"{news.severity}: {news.text}")

    def log_file(self, copy: str) -> Path:
        """Return where the log of *copy* lies."""
        return self._file(copy, "log")

    def _write(self, copy: str, entry: Entry) -> None:
        said = {name: getattr(entry, name) for name in Entry.__slots__}
        keep(self._file(copy, "json"), json.dumps(said, ensure_ascii=False))

    def _file(self, copy: str, suffix: str) -> Path:
        folder = home() / "classes" / self.lab
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / f"{copy}.{suffix}"


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")
