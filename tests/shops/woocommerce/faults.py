"""What goes wrong with real shops, provoked."""

from __future__ import annotations

KINDS = {
    "500": "a PHP fatal error, as JSON (the client asked for it)",
    "500-html": "the same as an HTML page",
    "503": "maintenance, with Retry-After: 600",
    "504": "the proxy's time-out page",
    "401": "a key that was revoked",
    "403": "a firewall's page",
    "429": "a host's rate limit, with Retry-After: 7",
    "redirect": "301 to another host",
    "html": "200 with an HTML page",
    "empty": "200 with nothing",
    "dirty": "200 with a PHP warning before the JSON",
    "after": "200 with a cache's comment and a PHP notice after the JSON",
    "around": "200 with text before and after the JSON",
    "truncated": "200 whose JSON is cut off, with a length that agrees",
    "reset": "the connection is reset",
    "hang": "no answer, ever",
}
