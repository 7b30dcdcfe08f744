"""`python -m stvt` is the `stvt` command."""

import sys

from stvt.cli.main import main

sys.exit(main())
