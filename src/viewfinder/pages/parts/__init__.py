"""Parts of several pages: templates, stylesheet, thumbnails, formatted numbers."""
