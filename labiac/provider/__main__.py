"""``python -m labiac.provider``: the plugin."""

from labiac.provider.server import main

main()
