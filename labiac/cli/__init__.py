"""The command line, for people: ``labiac``. What a command needs is imported when it runs."""

import os


def main() -> None:
    """Run the command that this process was started as."""
    # Pydantic looks through every installed package for plugins: 15 ms, and labiac has none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    from labiac.cli.app import run

    run()
