"""The pictures of a request: multipart/form-data, JSON with base64, or the bytes themselves."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from viewfinder.serve import limits
from viewfinder.serve.batching import Named
from viewfinder.serve.limits import Refused, ServeLimits

_ACCEPTED = "multipart/form-data, application/json, image/* or application/octet-stream"
_MOST_FIELDS, _LONGEST_FIELD = 16, 10_000
# For the OpenAPI document.
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["pictures"],
                "properties": {
                    "pictures": {"type": "array", "items": {"type": "string", "format": "binary"}}
                },
            }
        },
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["pictures"],
                "properties": {
                    "pictures": {"type": "array", "items": {"type": "string", "format": "byte"}}
                },
            }
        },
        "image/*": {"schema": {"type": "string", "format": "binary"}},
    },
}


class _Document(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    pictures: list[str]


async def pictures_of(
    request: Request, bounds: ServeLimits, account: limits.Request
) -> Sequence[Named]:
    """Read a request's pictures with their names: those of the files, else "#" and the index.

    Raises:
        Refused: 400 (not as its content type says), 408 (it comes too slowly), 413 (too large, or
            too many pictures), 415 (another content type), 422 (no picture) or 503 (no room).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_bytes = kind.startswith("image/") or kind == "application/octet-stream"
    if not is_bytes and kind not in ("multipart/form-data", "application/json"):
        raise Refused(
            415, "This content type is not read.", expected=_ACCEPTED, received=kind or "none"
        )
    body = await _body(request, bounds, account)
    if is_bytes:
        return [("#0", body)]
    if kind == "application/json":
        found = _from_json(body, bounds.max_pictures)
    else:
        found = await _from_form(request, body, bounds)
    if not found:
        raise Refused(422, "There is no picture.", expected="at least one in `pictures`")
    return found


async def _body(request: Request, bounds: ServeLimits, account: limits.Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > bounds.max_bytes:
        raise _too_long(bounds)
    body = bytearray()
    try:
        async with asyncio.timeout(bounds.timeout):
            async for chunk in request.stream():
                if len(body) + len(chunk) > bounds.max_bytes:
                    raise _too_long(bounds)
                account.take(len(chunk))
                body += chunk
    except TimeoutError as error:
        raise Refused(408, f"The request took longer than {bounds.timeout:g} s.") from error
    except ClientDisconnect as error:
        raise Refused(400, "The connection was closed within the request.") from error
    return bytes(body)


def _too_long(bounds: ServeLimits) -> Refused:
    return Refused(
        413,
        "The request is too large.",
        expected=f"at most {bounds.max_bytes:,} bytes",
        remedy="send fewer pictures at once, or smaller ones",
    )


def _require_few(count: int, most: int) -> None:
    if count > most:
        raise Refused(413, "There are too many pictures in a request.", expected=f"at most {most}")


def _from_json(body: bytes, most: int) -> list[Named]:
    try:
        encoded = _Document.model_validate_json(body).pictures
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(key) for key in first["loc"])
        raise Refused(
            400,
            "The JSON is not as expected.",
            expected='{"pictures": ["…", …]}, each picture in base64',
            received=f"{place}: {first['msg']}" if place else first["msg"],
        ) from error
    _require_few(len(encoded), most)
    found = []
    for index, text in enumerate(encoded):
        try:
            unwrapped = "".join(text.split())
            found.append((f"#{index}", base64.b64decode(unwrapped, validate=True)))
        except (binascii.Error, ValueError) as error:
            raise Refused(
                400,
                f"Picture #{index} is not base64.",
                expected="letters, digits, + and /, without `data:…,` before them",
                received=str(error),
            ) from error
    return found


async def _from_form(request: Request, body: bytes, bounds: ServeLimits) -> list[Named]:
    async def chunks() -> AsyncIterator[bytes]:
        yield body

    parser = MultiPartParser(
        request.headers,
        chunks(),
        max_files=bounds.max_pictures + 1,
        max_fields=_MOST_FIELDS,
        max_part_size=_LONGEST_FIELD,
    )
    parser.spool_max_size = bounds.max_bytes  # no file is written to the disk
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError) as error:
        _require_few(parser._current_files, bounds.max_pictures)
        raise Refused(400, "The form cannot be read.", received=str(error)) from error
    files = [value for _, value in form.multi_items() if hasattr(value, "read")]
    _require_few(len(files), bounds.max_pictures)
    return [(file.filename or f"#{index}", await file.read()) for index, file in enumerate(files)]
