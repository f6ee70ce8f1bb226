"""What `data/decode.py` stands on: one module per way of reading a format. Nothing else imports it.

- `types`: the records that go in and come out;
- `magic`: which format the bytes are, by content;
- `jpeg`, with `scans` (is all of it there?): JPEG through libjpeg-turbo;
- `rasters`, with `containers` (is all of it there?): the other formats through Pillow;
- `exif`: which way is up.
"""
