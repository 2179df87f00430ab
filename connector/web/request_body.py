"""Reading what a caller sends, with a limit."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

DISCARDED = 8 * 1024 * 1024


async def whole_body(request: Request, most: int) -> bytes:
    """The raw body of at most ``most`` bytes. Raises HTTPException 413 for a larger one.

    What is too large is never held. A little of it is taken in and thrown away, because a caller whose
    connection ends while it still sends does not see the answer.
    """
    too_large = HTTPException(413, f"the body is larger than {most:,} bytes", {"Connection": "close"})
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most + DISCARDED:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            chunks.append(chunk)
        elif size > most + DISCARDED:
            raise too_large
        else:
            chunks.clear()
    if size > most:
        raise too_large
    return b"".join(chunks)
