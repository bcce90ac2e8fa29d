"""This process as the engine's language host, provider and listener, on one port.

Bare Pulumi starts a process for the language, one for the program and one for the provider, and
each imports Pulumi's Python anew. The engine cannot tell the difference.
"""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc.aio
from google.protobuf.empty_pb2 import Empty
from pulumi import RunError
from pulumi.automation._server import LanguageServer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS as LIMITS
from pulumi.runtime.proto import events_pb2_grpc, language_pb2_grpc, provider_pb2_grpc

from labiac.provider.server import servicer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from types import TracebackType

T = TypeVar("T")

GONE_S = 2.0
"""How long what is left of a program may take to end, seconds."""


class Host:
    """Serves a program and labiac's provider to one run of the engine.

    Args:
        program: Declares the resources, as the main program of a Pulumi project does.
        on_event: Called with each event of the engine, in order.

    Attributes:
        failure: What the program raised that it does not mean to raise (not a `RunError`).
    """

    def __init__(
        self, program: Callable[[], None], on_event: Callable[[dict[str, Any]], None]
    ) -> None:
        self._program, self._on_event = program, on_event
        self.failure: Exception | None = None
        self._program_loop: asyncio.AbstractEventLoop | None = None
        self._provider = servicer()
        self._threads = ThreadPoolExecutor(thread_name_prefix="program")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        """Start serving; `port` is known from here on."""
        self._thread.start()
        self._server, self.port = self._call(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving, and let go of what still waits for an answer."""
        self._call(self._server.stop(grace=None))
        self._provider.close()
        self._threads.shutdown()
        # Closed already, unless the engine vanished under the SDK's language server.
        if self._program_loop and not self._program_loop.is_closed():
            _abandon(self._program_loop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _guarded(self) -> None:
        """Run the program. A mistake in it is for `failure`, not for the engine to print."""
        self._program_loop = asyncio.get_running_loop()
        try:
            self._program()
        except RunError:
            raise
        except Exception as error:
            self.failure = error
            raise RunError(repr(error)) from error

    async def _start(self) -> tuple[grpc.aio.Server, int]:
        # The SDK's language server blocks for as long as the program runs, so it gets a thread.
        server = grpc.aio.server(migration_thread_pool=self._threads, options=LIMITS)
        language = LanguageServer(self._guarded)
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(language, server)
        events_pb2_grpc.add_EventsServicer_to_server(_Events(self._on_event), server)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(self._provider, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _abandon(loop: asyncio.AbstractEventLoop) -> None:
    """Close *loop* with nothing left in it: what waits for an engine that is gone is told so."""
    waiting = asyncio.all_tasks(loop)
    for task in waiting:
        task.cancel()
    if waiting:
        ended, _ = loop.run_until_complete(asyncio.wait(waiting, timeout=GONE_S))
        for task in ended:
            if not task.cancelled():
                task.exception()  # looked at, so that nobody is told later that nobody did
    loop.close()


class _Events(events_pb2_grpc.EventsServicer):
    """Takes what the engine sends to ``--event-log tcp://``."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None]) -> None:
        self._on_event = on_event

    async def StreamEvents(self, requests: AsyncIterator[Any], _context: object) -> Empty:  # noqa: N802 - gRPC's name
        """Hand on every event, as it comes."""
        async for request in requests:
            self._on_event(json.loads(request.event))
        return Empty()
