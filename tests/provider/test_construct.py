"""Construct, asked by an engine that registers whatever it is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import errors_pb2, resource_pb2, resource_pb2_grpc, status_pb2

from labiac.provider.protocol import provider_pb2
from labiac.provider.values import plain, struct
from tests.provider.conftest import PRACTICAL


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Registers resources: a component as it is, any other as its inputs say."""

    def __init__(self):
        self.registered = {}
        self.server = grpc.server(ThreadPoolExecutor(8))
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def SupportsFeature(self, request, _context):  # noqa: N802 -- gRPC's name
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id != "transforms")

    def RegisterResource(self, request, _context):  # noqa: N802 -- gRPC's name
        self.registered[request.name] = request
        urn = f"urn:pulumi:lab.ana::labiac::{request.type}::{request.name}"
        identity = f"id-{request.name}" if request.custom else ""
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, object=request.object)

    def RegisterResourceOutputs(self, _request, _context):  # noqa: N802 -- gRPC's name
        return Empty()


@pytest.fixture
def monitor():
    monitor = Monitor()
    yield monitor
    monitor.server.stop(grace=None).wait()


def request(monitor, name, secret=(), **inputs):
    return provider_pb2.ConstructRequest(
        type="labiac:index:Lab",
        name=name,
        project="labiac",
        stack="three-lans.ana",
        monitorEndpoint=monitor.address,
        inputs=struct(inputs, secret),
    )


def described(name):
    return {"name": name, **PRACTICAL}


def failures(error):
    carried = dict(error.trailing_metadata())["grpc-status-details-bin"]
    detail = errors_pb2.InputPropertiesError()
    status_pb2.Status.FromString(carried).details[0].Unpack(detail)
    return {each.property_path: each.reason for each in detail.errors}


def test_a_lab_is_constructed_with_one_child_a_plan_item(plugin, monitor):
    made = plugin.stub.Construct(request(monitor, "mine", lab=described("one"), backend="memory"))
    assert made.urn.endswith("::mine")
    assert plain(made.state)["matrix"]["pc1 -> pc4"] == "ok"
    children = {name for name in monitor.registered if name != "mine"}
    assert {registered.parent for registered in map(monitor.registered.get, children)} == {made.urn}
    assert len(children) == 10
    last = set(monitor.registered["mine-reachability"].dependencies)
    assert {urn.rpartition("::")[2] for urn in last} == children - {"mine-reachability"}
    assert plain(monitor.registered["mine-r1"].object)["copy"]["student"] == "ana"


def test_labs_under_construction_at_once_do_not_mix(plugin):
    monitors = [Monitor() for _ in range(6)]
    waiting = [
        plugin.stub.Construct.future(
            request(monitor, f"lab{number}", lab=described(f"lab{number}"), backend="memory")
        )
        for number, monitor in enumerate(monitors)
    ]
    for number, made in enumerate(waiting):
        assert made.result().urn.endswith(f"::lab{number}")
        assert len(monitors[number].registered) == 11
        assert all(name.startswith(f"lab{number}") for name in monitors[number].registered)
    for monitor in monitors:
        monitor.server.stop(grace=None).wait()


@pytest.mark.parametrize("secret", [(), ("lab",)], ids=["plain", "secret"])
def test_every_problem_of_a_description_is_told_with_its_path(plugin, monitor, secret):
    wrong = {"name": "x", "colour": "red", "pcs": {"pc1": {"lan": "lan9"}}}
    with pytest.raises(grpc.RpcError) as caught:
        plugin.stub.Construct(request(monitor, "mine", secret, lab=wrong, backend="memory"))
    assert set(failures(caught.value)) == {"lab.colour", "lab.pcs.pc1.lan"}


def test_a_property_that_a_lab_does_not_have_is_refused(plugin, monitor):
    with pytest.raises(grpc.RpcError) as caught:
        plugin.stub.Construct(request(monitor, "mine", colour="red"))
    assert failures(caught.value) == {
        "colour": "is no property of labiac:index:Lab",
        "lab": "is required: which lab?",
    }


def test_an_unknown_backend_is_refused(plugin, monitor):
    with pytest.raises(grpc.RpcError) as caught:
        plugin.stub.Construct(request(monitor, "mine", lab=described("one"), backend="vmware"))
    assert "vmware" in failures(caught.value)["lab"]
