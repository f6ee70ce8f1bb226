"""Memory-mapped files of prepared pixels, so that every picture is decoded once.

`layout` defines and reads the files of a store, `build` makes and updates a store, and `cache`
lists and clears the user's cache.
"""

from viewfinder.data.store.build import open_store
from viewfinder.data.store.layout import Entry, Store, StoredPictures

__all__ = ["Entry", "Store", "StoredPictures", "open_store"]
