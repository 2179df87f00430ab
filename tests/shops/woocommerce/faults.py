"""What goes wrong with real shops, provoked."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
    "truncated": "200 whose JSON is cut off, with a length that agrees",
    "reset": "the connection is reset",
    "hang": "no answer, ever",
}


@dataclass
class Fault:
    """A fault still to happen ``times`` times (None: always) to requests whose path matches ``path``."""

    kind: str
    times: int | None
    path: str

    def meets(self, path: str) -> bool:
        """Whether a request for this path fails."""
        return re.search(self.path, path) is not None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind} is no fault; there are {', '.join(KINDS)}")
