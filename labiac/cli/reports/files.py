"""Reports go into files, also when the lab fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labiac.errors import LabError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labiac.cli.reports.report import Report


def insist_writable(names: Mapping[str, str]) -> None:
    """Refuse files that cannot be there, before anything is measured.

    Args:
        names: Name of the file, by the form of its report; empty for none.

    Raises:
        UsageError: a folder is missing, or two reports would go into one file.
    """
    files = [Path(name) for name in names.values() if name]
    for file in files:
        if file.is_dir():
            raise UsageError(str(file), "is a folder", fix="name a file in it")
        if not file.parent.is_dir():
            raise UsageError(str(file), "its folder is not there", fix=f"mkdir -p {file.parent}")
        if files.count(file) > 1:
            raise UsageError(str(file), "two reports in one file", fix="name a file for each")


def write(report: Report, names: Mapping[str, str]) -> None:
    """Write *report* in each form that has a name.

    Args:
        report: What was found.
        names: Name of the file, by its form: ``junit``, ``csv``, ``html``; empty for none.

    Raises:
        LabError: a file cannot be written.
    """
    from labiac.cli.reports.junit import junit
    from labiac.cli.reports.page import page
    from labiac.cli.reports.table import table

    forms = {
        "junit": lambda: junit(report),
        "csv": lambda: table(report).encode(),
        "html": lambda: page(report).encode(),
    }
    write_forms(forms, names)


def write_forms(forms: Mapping[str, Callable[[], bytes]], names: Mapping[str, str]) -> None:
    """Write each of *forms* that has one of *names* into the file of that name.

    Raises:
        LabError: a file cannot be written.
    """
    for form, name in names.items():
        if not name:
            continue
        try:
            Path(name).write_bytes(forms[form]())
        except OSError as error:
            fix = "name a file that may be written"
            raise LabError(name, f"cannot be written: {error.strerror}", fix=fix) from None
