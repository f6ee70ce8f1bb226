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
    rb"|(?P<avif>....ftyp(?:avi[fs]|m(?:if|sf)1.{4}(?:.{4}){0,8}?avi[fs]))"
    rb"|(?P<heif>....ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1))"
    rb"|(?P<ppm>P[1-6][\s#])"
    rb"|(?P<jpeg2000>\xff\x4f\xff\x51|\x00\x00\x00\x0cjP  )",
    re.DOTALL,
)

# Formats of pictures that are not supported.
_UNREAD = {
    "Photoshop": rb"8BPS",
    "Windows icon": rb"\x00\x00[\x01\x02]\x00[\x01-\xff]\x00",
    "DirectDraw surface": rb"DDS ",
    "SGI": rb"\x01\xda[\x00\x01][\x01\x02]\x00[\x01-\x03]",
    "PAM and PFM": rb"P[7fF][\s#]",
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
# What people find in place of a picture, and what it means.
_OTHERS = {
    rb"version https://git-lfs\.github\.com/spec/": (
        "a Git LFS pointer in place of the picture, which `git lfs pull` downloads",
        "run `git lfs pull` in the repository",
    ),
    rb"\s*<(?i:!doctype\s+html|html|head|body)\b": (
        "a web page (HTML), which a download saved in place of the picture",
        "download the picture again",
    ),
    rb"PK\x03\x04": ("a zip archive", "unpack it, or open it by itself"),
    rb"\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07": (
        "a compressed file or archive",
        "unpack it",
    ),
    rb"%PDF-": ("a PDF document", "save its pictures as PNG"),
    rb"....ftyp(?:isom|iso[2-9]|mp4|M4V|qt  |avc1)": ("a video", "save frames of it as pictures"),
}
_OTHERS_MAGIC = {re.compile(pattern, re.DOTALL): v for pattern, v in _OTHERS.items()}
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"
# Targa has no signature: the map's kind, the picture's kind, the map's first entry, size and depth,
# the origin, the size, the depth, and a descriptor without its reserved bits.
_TGA_HEADER = re.compile(
    rb".(?:\x00[\x02\x03\x0a\x0b]\x00\x00\x00\x00\x00|\x01[\x01\x09]..[\x01-\xff].[\x0f\x10\x18\x20])"
    rb"....(?!\x00\x00)..(?!\x00\x00)..[\x08\x0f\x10\x18\x20][\x00-\x3f]",
    re.DOTALL,
)

UNKNOWN = "its first bytes"
READABLE = "JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF, JPEG 2000, PPM or TGA"


def format_of(data: bytes) -> str:
    """Return the format: "jpeg", "png", "webp" …; see :class:`types.Decoded`.

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
    for magic, (what, remedy) in _OTHERS_MAGIC.items():
        if magic.match(start):
            raise RejectedPicture(Reason.NOT_A_PICTURE, f"it is {what}", remedy=remedy)
    if data.endswith(_TGA_FOOTER) or _TGA_HEADER.match(start):
        return "tga"
    raise RejectedPicture(
        Reason.NOT_A_PICTURE, f"{UNKNOWN}, {data[:8].hex(' ')}, match no picture format"
    )


def unsupported(detail: str, *, remedy: str = f"save it as {READABLE}") -> RejectedPicture:
    """Return the rejection of a picture of an unsupported kind."""
    return RejectedPicture(Reason.UNSUPPORTED, detail, remedy=remedy)
