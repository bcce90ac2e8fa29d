"""The pictures of the pages are what labiac draws now."""

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = sorted((DOCS / "images").glob("*.svg"))


@pytest.fixture(scope="module")
def images():
    return runpy.run_path(str(DOCS / "images.py"))["images"]()


def what_is_on(svg: str) -> list[tuple[str, ...]]:
    """Return the texts and colours of *svg*; where they stand depends on the fonts of a machine."""
    return sorted(re.findall(r"<text [^>]*>([^<]*)|(?:fill|stroke)=\"(#[0-9a-f]{6})\"", svg))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_what_is_drawn_now(picture, images):
    now = images[picture.name].decode()

    assert what_is_on(picture.read_text()) == what_is_on(now), "run python docs/images.py"


def test_every_picture_is_on_a_page(images):
    pages = "".join(page.read_text() for page in DOCS.glob("*.md"))

    assert {picture.name for picture in PICTURES} == set(images)
    assert [name for name in images if f"](images/{name})" not in pages] == []
