"""What a dataset looks like, as PNG files and one self-contained page."""

from viewfinder.results.explore_page.page import write_exploration

__all__ = ["write_exploration"]
