"""Jinja's environment of all pages: one stylesheet, and every value escaped."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from viewfinder.pages.parts import words

_HERE = Path(__file__).parent


@cache
def page_environment(folder: Path) -> Environment:
    """Jinja's environment for the templates in `folder`, and for the parts that all pages share.

    Its globals hold `style`: the shared stylesheet, and the folder's own `extra.css` after it.
    """
    # Class and file names are untrusted: only our own CSS and figures are not escaped.
    environment = Environment(
        loader=FileSystemLoader([folder, _HERE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    numbers = (words.percent, words.decimal, words.number, words.duration)
    for write in (*numbers, words.file_name, words.short_name):
        environment.filters[write.__name__] = write
    sheets = [path for path in (_HERE / "page.css", folder / "extra.css") if path.exists()]
    css = "\n".join(path.read_text(encoding="utf-8") for path in sheets)
    environment.globals.update(counted=words.counted, style=Markup(css))
    return environment
