"""Every picture decoded once, into a memory-mapped file of prepared pixels.

`layout` says what a store's files are and reads them; `build` makes a store and brings it up to
date; `cache` lists and clears what is in the user's cache.
"""

from viewfinder.store.build import open_store
from viewfinder.store.layout import Entry, Store, StoredPictures

__all__ = ["Entry", "Store", "StoredPictures", "open_store"]
