"""`reelproof` and `python -m reelproof`: run the command line and turn every failure into `error:` + `hint:`."""

import sys

from reelproof.cli.entry import run


def main() -> None:
    """Run the command line with the process's arguments and exit with the contract's code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
