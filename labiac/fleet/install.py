"""Gets a Pulumi CLI into labiac's own folder: the official release, or a build of our own.

Whatever happens half-way, the target folder is complete or absent: a source fills a folder beside
it, which takes its name at the end.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import IO, TYPE_CHECKING

from labiac.host.lock import locked
from labiac.host.process import run
from labiac.host.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPResponse

VERSION = "3.259.0"
"""What labiac installs; ``tools/pulumi/go.mod`` says the same."""

PYTHON_HOST_VERSION = "3.79.0"
"""The newest Python language host that is served as a Go package; it works with `VERSION`."""

RELEASES = "https://get.pulumi.com/releases/sdk"

SDK = "github.com/pulumi/pulumi/sdk/v3"

SILENCE_S = 10
"""Seconds without a byte after which the release server counts as out of reach."""

LONGEST_LIST = 1 << 20
"""Bytes that are read of a list of checksums; it has some ten lines."""

BUILD_S = 1800
"""Seconds a build may take; four minutes on two cores with an empty cache."""


class InstallError(Exception):
    """One way to get the CLI did not work; the next may."""


def install(target: Path, source: Callable[[Path], None]) -> None:
    """Let *source* fill the folder *target*, unless another process has just done so.

    Raises:
        InstallError: *source* could not.
    """
    waiting = "waiting for another labiac, which installs Pulumi"
    with locked(target.with_name("lock"), waiting):
        if target.exists():
            return
        for left in target.parent.glob("partial-*"):  # the lock is ours: nobody works on it
            shutil.rmtree(left)
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=target.parent))
        try:
            source(partial)
            partial.chmod(0o755)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def download(folder: Path) -> None:
    """Fill *folder* from the official release, if it is what its list of checksums says.

    The list lies on the same server, so that HTTPS alone vouches for both: what is found is an
    archive that got broken, cut off, or swapped on the way or in a cache, not a server taken over.

    Raises:
        InstallError: there is none for this machine, it is out of reach, or another than listed.
    """
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    system, cpu = platform.system().lower(), machine.get(platform.machine().lower())
    if system not in ("linux", "darwin") or cpu is None:
        raise InstallError(f"official release: none for {system} on {platform.machine()}")
    name = f"pulumi-v{VERSION}-{system}-{cpu}.tar.gz"
    url = f"{RELEASES}/{name}"
    listed, archive = _listed(name), folder / name
    try:
        with Progress(f"downloading Pulumi {VERSION}"), _opened(url) as response:
            _write(response, archive)
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != listed:
            raise InstallError(f"official release: {url}: its SHA-256 is {found}, not {listed}")
        _unpack(archive, folder)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise _out_of_reach(url, error) from error
    archive.unlink()


def _listed(name: str) -> str:
    """Return the SHA-256 of the archive *name*, by the release's list.

    Source:
        Pulumi's ``.github/workflows/ci-prepare-release.yml``: what ``sha256sum`` prints.
    """
    url = f"{RELEASES}/pulumi-{VERSION}-checksums.txt"
    try:
        with _opened(url) as response:
            lines = response.read(LONGEST_LIST).decode(errors="replace").splitlines()
    except OSError as error:
        raise _out_of_reach(url, error) from error
    sums = {words[1]: words[0] for line in lines if len(words := line.split()) == 2}  # noqa: PLR2004 -- a sum and a name
    if name not in sums:
        raise InstallError(f"official release: {url}: lists no {name}")
    return sums[name]


def _opened(url: str) -> HTTPResponse:
    response: HTTPResponse = urllib.request.urlopen(url, timeout=SILENCE_S)  # noqa: S310 - https, above
    return response


def _out_of_reach(url: str, error: Exception) -> InstallError:
    return InstallError(f"official release: {url}: {getattr(error, 'reason', error)}")


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as members:
        for member in members:
            if member.isfile() and (content := members.extractfile(member)):
                _write(content, folder / Path(member.name).name)


def _write(content: IO[bytes], path: Path) -> None:
    """Write one program, or all of them in an archive; the folder is ours alone."""
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file)
    path.chmod(0o755)


def build(folder: Path) -> None:
    """Fill *folder* by building the CLI and its Python language host with Go.

    Raises:
        InstallError: there is no Go, or a build failed.
    """
    go = shutil.which("go")
    if go is None:
        raise InstallError("Go build: no go on PATH")
    programs = (
        (sources(), "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", VERSION),
        (sources() / "python", f"{SDK}/python/cmd/pulumi-language-python", PYTHON_HOST_VERSION),
    )
    with Progress(f"building Pulumi {VERSION} with Go (about four minutes, once)") as progress:
        for source, package, version in programs:
            # Without a version the CLI prints none, and tools that ask for it refuse it.
            flags = f"-s -w -X {SDK}/go/common/version.Version=v{version}"
            argv = [
                go,
                "build",
                "-v",
                "-buildvcs=false",
                "-ldflags",
                flags,
                "-o",
                str(folder),
                package,
            ]
            _go(argv, source, progress)
        sdk = _go([go, "list", "-m", "-f", "{{.Dir}}", SDK], sources(), progress).strip()
    runner = folder / "pulumi-language-python-exec"
    shutil.copyfile(Path(sdk) / "python/cmd" / runner.name, runner)
    runner.chmod(0o755)


def sources() -> Path:
    """Return the folder of the Go modules: inside the installed package, or in the repository."""
    package = Path(__file__).parents[1]
    installed = package / "_pulumi"
    return installed if installed.is_dir() else package.parent / "tools" / "pulumi"


def _go(argv: list[str], source: Path, progress: Progress) -> str:
    def show(line: str) -> None:
        progress.last = line

    env = {**os.environ, "GOWORK": "off"}  # a workspace of the user's is none of our business
    try:
        ended = run(argv, cwd=source, env=env, timeout_s=BUILD_S, on_line=show)
    except (OSError, TimeoutError) as error:
        raise InstallError(f"Go build: {error}") from error
    if ended.code:
        last = ended.output.strip().splitlines()[-3:]
        raise InstallError("\n  ".join([f"Go build in {source}: exit status {ended.code}", *last]))
    return ended.output
