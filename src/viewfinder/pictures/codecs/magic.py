"""Detection of a picture's format by its content."""

import re

from viewfinder.core.errors import Reason, RejectedPicture

_READ = re.compile(
    rb"(?P<jpeg>\xff\xd8(?:\xff|[^\xff]{1,16}\xff[\xc0-\xfe]))"
    rb"|(?P<png>\x89PNG\r\n\x1a\n)"
    rb"|(?P<gif>GIF8[79]a)"
    rb"|(?P<bmp>BM)"
    rb"|(?P<webp>RIFF....WEBP)"
    rb"|(?P<tiff>II[\x2a\x2b]\x00|MM\x00[\x2a\x2b])"
    rb"|(?P<avif>....ftypavi[fs])"
    rb"|(?P<heif>....ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1))",
    re.DOTALL,
)

# Formats of pictures that are not supported.
_UNREAD = {
    "Photoshop": rb"8BPS",
    "Windows icon": rb"\x00\x00[\x01\x02]\x00[\x01-\xff]\x00",
    "DirectDraw surface": rb"DDS ",
    "SGI": rb"\x01\xda[\x00\x01][\x01\x02]\x00[\x01-\x03]",
    "Netpbm": rb"P[1-7fF][\s#]",
    "JPEG 2000": rb"\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  ",
    "JPEG XL": rb"\xff\x0a|\x00\x00\x00\x0cJXL ",
    "JPEG XR": rb"II\xbc\x01",
    "OpenEXR": rb"\x76\x2f\x31\x01",
    "Radiance HDR": rb"#\?RADIANCE",
    "QOI": rb"qoif",
    "Apple icon": rb"icns",
    "Autodesk animation": rb"....[\x11\x12]\xaf",
    "Blizzard texture": rb"BLP[12]",
    "PCX": rb"\x0a[\x00\x02-\x05]\x01[\x01\x02\x04\x08]",
    "SVG": rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE[^>]*>\s*)?<svg",
    "Farbfeld": rb"farbfeld",
    "Fujifilm raw": rb"FUJIFILMCCD-RAW",
}
_UNREAD_MAGIC = {name: re.compile(pattern, re.DOTALL) for name, pattern in _UNREAD.items()}
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"

READABLE = "JPEG, PNG, GIF, BMP, WebP or TIFF"


def format_of(data: bytes) -> str:
    """Return the format: "jpeg", "png", "gif", "bmp", "webp", "tiff", "heif" or "avif".

    Raises:
        RejectedPicture: EMPTY, UNSUPPORTED (a picture of another format) or NOT_A_PICTURE.
    """
    if not data:
        raise RejectedPicture(Reason.EMPTY, "the file has no bytes")
    known = _READ.match(data)
    if known and known.lastgroup:
        return known.lastgroup
    start = data[:1024]
    for name, magic in _UNREAD_MAGIC.items():
        if magic.match(start):
            raise unsupported(f"{name} pictures are not read")
    if data.endswith(_TGA_FOOTER):
        raise unsupported("Targa pictures are not read")
    raise RejectedPicture(
        Reason.NOT_A_PICTURE, f"its first bytes, {data[:8].hex(' ')}, match no picture format"
    )


def unsupported(detail: str, *, remedy: str = f"save it as {READABLE}") -> RejectedPicture:
    """Return the rejection of a picture of an unsupported kind."""
    return RejectedPicture(Reason.UNSUPPORTED, detail, remedy=remedy)
