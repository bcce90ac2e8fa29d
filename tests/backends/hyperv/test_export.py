"""A whole lab as a folder on a simulated Hyper-V host, and its machines imported beside it."""

import copy
import uuid

import pytest

from labiac.backends.exports import Exports
from labiac.errors import BackendError, ForeignError, UsageError
from tests.backends.hyperv.world import Fault

CHAIN = {
    "lans": {"lan1": {}, "lan2": {}},
    "routers": {"r1": {"lans": ["lan1", "lan2"]}},
    "pcs": {"pc1": {"lan": "lan1"}},
}
PLACE = r"D:\exports\of ana's"


def test_a_lab_is_written_with_its_settings_disks_and_seeds(lab, server):
    made = lab(CHAIN)
    made.up()
    server.backend.snapshots(made.copy).take("start")
    exported = server.backend.export(made.copy, PLACE)
    assert (exported.nodes, exported.place) == (("pc1", "r1"), PLACE)
    files = [file.FullName for file in server.store.look().under(PLACE) if not file.folder]
    for name in ("pc1", "r1"):
        own = [each for each in files if each.startswith(rf"{PLACE}\lab-ana-{name}" + "\\")]
        kinds = sorted(each.rpartition(".")[2] for each in own)
        assert kinds == ["avhdx", "iso", "vhdx", "vhdx", "vmcx"]
    assert exported.size > 2 * (64 << 20)
    assert made.read() == list(made.items())


def test_without_a_place_it_is_labiacs_own_folder(lab, server):
    made = lab(CHAIN)
    made.up()
    assert server.backend.export(made.copy, "").place.endswith(r"\labiac\exports\lab-ana")
    with pytest.raises(BackendError, match="is there already"):
        server.backend.export(made.copy, "")


@pytest.mark.parametrize("place", ["exports", r"\exports", "D:\\", "/srv/lab"])
def test_a_place_that_is_no_folder_of_the_host_is_refused(lab, server, place):
    with pytest.raises(UsageError, match="no folder of the host"):
        server.backend.export(lab(CHAIN).copy, place)


def test_a_lab_that_is_on_or_not_up_is_not_exported(lab, server):
    assert isinstance(server.backend, Exports)
    made = lab(CHAIN)
    with pytest.raises(BackendError, match="is not up on hyperv"):
        server.backend.export(made.copy, PLACE)
    made.up()
    server.backend.start(made.ref("r1"))
    with pytest.raises(BackendError, match="r1 must be off for it"):
        server.backend.export(made.copy, PLACE)
    assert server.store.look().file(PLACE) is None


def test_where_it_is_refused_nothing_is_left(lab, server):
    made = lab(CHAIN)
    made.up()
    with server.store.open() as world:
        fault = Fault("Export-VM", "OperationFailed,x", "WriteError", "the disk is full", after=1)
        world.faults.append(fault)
    with pytest.raises(BackendError, match="the disk is full"):
        server.backend.export(made.copy, PLACE)
    assert server.store.look().under(r"D:\exports") == []


def test_a_machine_that_was_imported_is_none_of_ours(lab, server):
    made = lab(CHAIN)
    made.up()
    with server.store.open() as world:
        imported = copy.deepcopy(world.machines[0])
        imported.Id, imported.Path = uuid.uuid4(), r"D:\imported"
        for each in (*imported.adapters, *imported.disks, *imported.dvds):
            each.VMId = imported.Id
        world.machines.insert(0, imported)
    assert len(server.backend.find()[0].nodes) == 2
    assert made.read() == list(made.items())
    made.down()
    (left,) = server.store.look().machines
    assert left.Path == r"D:\imported"
    with pytest.raises(ForeignError, match="that is not labiac's"):
        made.up()
