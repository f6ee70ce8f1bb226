"""The folder of real data that some tests need; they skip, and name it, where it is absent."""

import os
from pathlib import Path

SHARED = Path(os.environ.get("VIEWFINDER_SHARED_DATA") or Path(__file__).parents[2] / "shared/data")
