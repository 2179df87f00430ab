"""What goes wrong with a real shop, provoked."""

from __future__ import annotations

KINDS = {
    "401": "a token that was revoked",
    "402": "a frozen shop",
    "403": "forbidden",
    "404": "no such shop",
    "423": "a locked shop",
    "429": "a rate limit below the API, with Retry-After: 7",
    "430": "rejected for security",
    "500": "a fault of the server, as JSON",
    "502": "a proxy's page",
    "503": "maintenance, as a page",
    "internal": "200 with INTERNAL_SERVER_ERROR among the errors and no data",
    "throttled": "200 with THROTTLED, though points are left; the bucket says that 7 s are missing",
    "redirect": "301 to another host, as for a shop that was renamed",
    "html": "200 with an HTML page",
    "empty": "200 with nothing",
    "strange": "200 with JSON of somebody else",
    "truncated": "200 whose JSON is cut off, with a length that agrees",
    "broken": "200 whose connection ends amid the body",
    "reset": "the connection is reset",
    "hang": "no answer, ever",
}
