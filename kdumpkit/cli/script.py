"""The script itself, which imports nothing before it is ready to be interrupted."""

from __future__ import annotations

import sys
from typing import NoReturn


def command() -> NoReturn:
    """Run the command line. Ctrl-C has no traceback while the imports still go on either."""
    try:
        from kdumpkit.cli.main import main
    except KeyboardInterrupt:
        print("kdumpkit: interrupted", file=sys.stderr)
        sys.exit(130)
    main()
