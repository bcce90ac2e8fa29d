"""A guest's seed as an ISO image: what cloud-init's NoCloud looks for on any drive."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labiac.plan.model import SeedFile

_LABEL: Final = "CIDATA"


def iso(files: tuple[SeedFile, ...]) -> bytes:
    """Return an ISO 9660 image that holds *files*, under their long names too."""
    import pycdlib

    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=_LABEL)
    for number, file in enumerate(files):
        data = file.text.encode()
        names = {"rr_name": file.name, "joliet_path": f"/{file.name}"}
        image.add_fp(io.BytesIO(data), len(data), f"/F{number}.;1", **names)
    out = io.BytesIO()
    image.write_fp(out)
    image.close()
    return out.getvalue()
