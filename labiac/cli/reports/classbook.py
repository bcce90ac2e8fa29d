"""The grades of a class as one HTML page: a table of all, then each student's lab and checks."""

from __future__ import annotations

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from labiac.cli.reports.page import rendered
from labiac.errors import LabError

if TYPE_CHECKING:
    from labiac.cli.reports.grades import Grades


def page(grades: Grades) -> str:
    """Return *grades* as an HTML page that needs nothing beside it."""
    first = next((each.report for each in grades.measured if each.report), None)
    return rendered(
        "class.html.j2",
        grades=grades,
        checks=[each.check for each in first.found.checks] if first else [],
        drawings=_drawings(grades),
    )


def _drawings(grades: Grades) -> dict[str, str]:
    """Return the drawing of each copy as the address of an image, by copy; labs alike share one.

    Without Graphviz there are none: the page has the rest.
    """
    from labiac.cli.draw.graph import dot, rendered

    pictures = {each.student.copy: each.picture for each in grades.students if each.picture}
    sources = {copy: dot(picture).source for copy, picture in pictures.items()}
    once = {source: pictures[copy] for copy, source in sources.items()}
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            drawn = pool.map(lambda picture: rendered(picture, "svg"), once.values())
            images = dict(zip(once, map(_address, drawn), strict=True))
    except LabError:
        return {}
    return {copy: images[source] for copy, source in sources.items()}


def _address(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
