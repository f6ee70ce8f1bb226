"""A screen whose content a test reads."""

import io

from rich.console import Console

from viewfinder.core.progress import Progress


class Screen(Progress):
    """Progress on a console of its own: a terminal, or a file that lines are written to."""

    def __init__(self, *, terminal: bool = True) -> None:
        super().__init__()
        self.written = io.StringIO()
        self.screen = Console(
            file=self.written, force_terminal=terminal, width=120, highlight=False
        )

    @property
    def console(self) -> Console:
        return self.screen

    @property
    def text(self) -> str:
        """All that was written so far."""
        return self.written.getvalue()
