"""Reading what a caller sends, with a limit."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request


async def whole_body(request: Request, most: int) -> bytes:
    """The raw body of at most ``most`` bytes.

    Raises HTTPException 413 for a larger one: before anything of it is read, where its length is announced.
    """
    too_large = HTTPException(413, f"the body is larger than {most:,} bytes", {"Connection": "close"})
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)
