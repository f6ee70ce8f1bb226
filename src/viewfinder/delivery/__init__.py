"""Handing a model over: `bundle/`, one verified file; `export/`, formats of other programs."""
