"""``python -m labiac``."""

from labiac.cli import main

if __name__ == "__main__":
    main()
