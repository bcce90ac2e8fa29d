"""The plugin as the engine sees it: a real gRPC server, and an engine that hears what it says."""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import pytest
from google.protobuf.empty_pb2 import Empty

from labiac.plan.document import to_data
from labiac.plan.resolve import resolve
from labiac.provider.forecast import forecast, promises
from labiac.provider.lifecycle import backend
from labiac.provider.protocol import (
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)
from labiac.provider.server import servicer
from labiac.provider.values import plain, struct, to_camel
from labiac.schema.load import from_data

PRACTICAL = {
    "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}, "r2": {"lans": ["lan2", "lan3"]}},
    "pcs": {f"pc{n}": {"lan": lan} for n, lan in enumerate(("lan1", "lan1", "lan2", "lan3"), 1)},
}


class Engine(engine_pb2_grpc.EngineServicer):
    """Hears what a plugin says."""

    def __init__(self):
        self.lines = queue.SimpleQueue()
        self.server = grpc.server(ThreadPoolExecutor(1))
        engine_pb2_grpc.add_EngineServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def Log(self, request, _context):  # noqa: N802 -- gRPC's name
        self.lines.put(request.message)
        return Empty()

    def heard(self, count):
        """Return the next *count* lines."""
        return [self.lines.get(timeout=30) for _ in range(count)]


class Plugin:
    """Calls a running plugin with plain data, as the engine would."""

    def __init__(self, engine):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server, port = self.wait(self.serve())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        self.stub.Attach(plugin_pb2.PluginAttach(address=engine))

    async def serve(self):
        server = grpc.aio.server()
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    def wait(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def close(self):
        self.channel.close()
        self.wait(self.server.stop(grace=None))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def call(self, method, kind, **fields):
        urn = f"urn:pulumi:lab.ana::labiac::labiac:index:Lab$labiac:index:{kind}::name"
        request = getattr(provider_pb2, f"{method}Request")
        carried = {
            key: struct(value) if isinstance(value, dict) else value
            for key, value in fields.items()
        }
        return getattr(self.stub, method)(request(urn=urn, **carried))

    def failures(self, kind, inputs):
        found = self.call("Check", kind, news=inputs).failures
        return {failure.property: failure.reason for failure in found}

    def diff(self, kind, olds, news):
        """Return each changed property with how, and the properties that make it a replacement."""
        said = self.call("Diff", kind, id="id", olds=olds, news=news)
        kinds = provider_pb2.PropertyDiff.Kind.Name
        changed = {path: kinds(each.kind).lower() for path, each in said.detailedDiff.items()}
        return changed, list(said.replaces)

    def create(self, kind, inputs):
        made = self.call("Create", kind, properties=inputs)
        return made.id, plain(made.properties)

    def update(self, kind, identity, olds, news):
        made = self.call("Update", kind, id=identity, olds=olds, news=news)
        return plain(made.properties)

    def read(self, kind, identity, olds, inputs):
        made = self.call("Read", kind, id=identity, properties=olds, inputs=inputs)
        return (made.id, plain(made.properties), plain(made.inputs)) if made.id else None

    def delete(self, kind, identity):
        self.call("Delete", kind, id=identity)


@pytest.fixture
def engine():
    engine = Engine()
    yield engine
    engine.server.stop(grace=None).wait()


@pytest.fixture
def plugin(engine, memory):  # noqa: ARG001 -- it starts with nothing in memory
    plugin = Plugin(engine.address)
    yield plugin
    plugin.close()


@pytest.fixture
def memory():
    """The memory backend that the plugin of this process uses, empty."""
    backend.cache_clear()
    return backend("memory")


@pytest.fixture
def whose():
    return {"lab": "practical", "student": "ana", "backend": "memory"}


def planned(**changed):
    return resolve(from_data({"name": "practical", **PRACTICAL, **changed}), "ana", "memory")


def inputs_of(item, whose):
    return {**to_camel(to_data(item)), "copy": whose}


def forecast_of(plan, whose, timeout_s=1.0):
    return {**promises(forecast(plan, timeout_s)), "copy": whose}


def half_made(error):
    """Return what *error* tells the engine to remember: an ID and properties."""
    carried = dict(error.trailing_metadata())["grpc-status-details-bin"]
    detail = provider_pb2.ErrorResourceInitFailed()
    status_pb2.Status.FromString(carried).details[0].Unpack(detail)
    return detail.id, plain(detail.properties)
