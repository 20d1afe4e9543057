"""`python -m bench.watermark`: see `bench.watermark.run`."""

import sys

from bench.watermark.run import main

if __name__ == "__main__":
    sys.exit(main())
