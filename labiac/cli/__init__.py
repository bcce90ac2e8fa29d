"""The command line, for people: ``labiac``. What a command needs is imported when it runs."""


def main() -> None:
    """Run the command that this process was started as."""
    from labiac.cli.app import run

    run()
