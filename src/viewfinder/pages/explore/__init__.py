"""What a dataset looks like, as PNG files and one self-contained page."""

from viewfinder.pages.explore.page import write_exploration

__all__ = ["write_exploration"]
