"""Named network namespaces, as ``ip netns`` keeps them: a file each, with the namespace on it."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from labiac.backends.netns import kernel
from labiac.backends.netns.enter import traveller
from labiac.backends.netns.marks import locked_folder
from labiac.backends.netns.netlink import Socket
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Spaces:
    """The namespaces of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._text = str(folder)
        self._ready = False

    def path(self, name: str) -> str:
        """Return the file of namespace *name*."""
        return f"{self._text}/{name}"

    def inode(self, name: str) -> int:
        """Return what tells namespace *name* from others of this boot; 0 when there is none."""
        try:
            found = os.stat(self.path(name))  # noqa: PTH116  # on the hot path
        except FileNotFoundError:
            return 0
        return found.st_ino if found.st_dev == kernel.nsfs_device() else 0

    def taken(self, name: str) -> bool:
        """Return whether there is a file of that name, a namespace or not."""
        return os.path.lexists(self.path(name))

    @contextmanager
    def opened(self, name: str) -> Iterator[int]:
        """Yield namespace *name*, open.

        Raises:
            BackendError: there is none.
        """
        descriptor = self._open(name)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def socket(self, name: str) -> Socket:
        """Return a netlink socket in namespace *name*.

        Raises:
            BackendError: there is none.
        """
        with self.opened(name) as space, traveller() as enter:
            enter(space)
            return Socket()

    @contextmanager
    def inside(self, name: str) -> Iterator[Socket]:
        """Move this thread into namespace *name* for a while; yield a netlink socket there.

        Raises:
            BackendError: there is none.
        """
        with self.opened(name) as space, traveller() as enter:
            enter(space)
            with Socket() as sock:
                yield sock

    def create(self, name: str, settle: Callable[[Socket], None]) -> Socket:
        """Create namespace *name*; return a netlink socket there.

        It is settled before it has its name, so that nobody finds it half made. A file of that
        name that holds no namespace (a reboot left it) is used again.
        """
        self._prepare()
        path = self.path(name)
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
        with traveller():
            kernel.unshare(kernel.NEW_NET)
            sock = Socket()
            try:
                settle(sock)
                kernel.mount(kernel.HERE, path, flags=kernel.BIND)
            except BaseException:
                sock.close()
                raise
            return sock

    def delete(self, name: str) -> None:
        """Let namespace *name* die. The kernel takes its time, and what is in it with it."""
        path = self.path(name)
        if self.inode(name):
            kernel.unmount(path)
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108  # on the hot path

    def _open(self, name: str) -> int:
        with suppress(FileNotFoundError):
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC)
            if os.fstat(descriptor).st_dev == kernel.nsfs_device():
                return descriptor
            os.close(descriptor)
        raise BackendError(f"netns {name}", "its network namespace is gone")

    def _prepare(self) -> None:
        """Make the folder a shared mount, so that a namespace is deleted for everybody at once.

        As ``ip netns add`` does, and under its lock.
        """
        if self._ready:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked_folder(self.folder):
            itself = str(self.folder)
            try:
                kernel.mount("", itself, flags=kernel.SHARED | kernel.RECURSIVE)
            except OSError:  # no mount point yet
                kernel.mount(itself, itself, flags=kernel.BIND | kernel.RECURSIVE)
                kernel.mount("", itself, flags=kernel.SHARED | kernel.RECURSIVE)
        self._ready = True
