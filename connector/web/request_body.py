"""Reading what a caller sends, with a limit."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request

DISCARDED = 8 * 1024 * 1024
_LATER = {"Connection": "close", "Retry-After": "30"}
HELD = 64 * 1024 * 1024  # of all bodies that are coming in


class Bodies:
    """How many bytes all unfinished bodies hold."""

    def __init__(self) -> None:
        self.held = 0


async def whole_body(request: Request, most: int) -> bytes:
    """The raw body of at most ``most`` bytes. Raises HTTPException 413 for a larger one.

    What is too large is never held. A little of it is taken in and thrown away, because a caller whose
    connection ends while it still sends does not see the answer. Raises HTTPException 503 while the bodies of
    all callers together are too large.
    """
    bodies: Bodies = request.app.state.bodies
    too_large = HTTPException(413, f"the body is larger than {most:,} bytes", {"Connection": "close"})
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most + DISCARDED:
        raise too_large
    chunks: list[bytes] = []
    size = held = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most + DISCARDED:
                raise too_large
            if size <= most:
                chunks.append(chunk)
                held += len(chunk)
                bodies.held += len(chunk)
            else:
                chunks.clear()
            if bodies.held > HELD:
                raise HTTPException(503, "too much comes in at once; send it again later", _LATER)
    finally:
        bodies.held -= held
    if size > most:
        raise too_large
    return b"".join(chunks)
