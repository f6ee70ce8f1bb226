"""The decoders behind `pictures/decode.py`.

- `types`: the records of a decoder's arguments and results;
- `magic`: detects the format by content;
- `jpeg`: JPEG through libjpeg-turbo; `scans` finds missing rows;
- `rasters`: the other formats through Pillow; `containers` finds missing data;
- `exif`: the orientation.
"""
