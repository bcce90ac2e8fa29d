"""What runs in an ordinary user's namespaces: ``python -m labiac.backends.netns.worker BASE``.

With nothing more it answers calls of the backend's methods, pickled, on standard input and output
until the input ends. With a ref and a command it becomes that command on that machine.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

from labiac.backends.netns import places
from labiac.backends.netns.backend import NetnsBackend
from labiac.errors import LabError


def main(base: str, *command: str) -> int:
    """Do what the command line says; return the exit status."""
    backend = NetnsBackend(places.under(Path(base)))
    if command:
        ref, *argv = command
        try:
            return backend.attach(ref, argv)
        except LabError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    _serve(backend)
    return 0


def _serve(backend: NetnsBackend) -> None:
    while True:
        try:
            method, arguments, options = pickle.load(sys.stdin.buffer)  # noqa: S301  # from our parent
        except EOFError:
            return
        pickle.dump(_answer(backend, method, arguments, options), sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _answer(
    backend: NetnsBackend, method: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> tuple[bool, Any]:
    try:
        if method == "capture":
            ref, nic, sink, *_ = arguments
            with open(sink, "wb") as pipe:  # noqa: PTH123  # an open descriptor
                return True, backend.capture(ref, nic, pipe, **options)
        return True, getattr(backend, method)(*arguments, **options)
    except Exception as error:  # noqa: BLE001  # raised again at the other end
        return False, error


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
