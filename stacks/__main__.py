"""One copy of a lab: `pulumi config set labiac:lab NAME`, then `pulumi up`."""

from labiac.provider.program import run

run()
