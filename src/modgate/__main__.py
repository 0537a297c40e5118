"""`python -m modgate`."""

import sys

from modgate.cli import main

if __name__ == "__main__":
    sys.exit(main())
