"""`python -m stvt` is the `stvt` command."""

import sys

from stvt.cli import main

sys.exit(main())
