"""Privy's error envelope: ``{"error": {"code", "message", "details"}}``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connector.sandbox.rules import Problem


class Refusal(Exception):
    """A call that is answered with the error envelope."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Iterable[Problem] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = list(details)
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The error envelope; ``details`` only where there are some."""
        error: dict[str, Any] = {"code": self.code, "message": str(self)}
        if self.details:
            error["details"] = self.details
        return {"error": error}


def unauthorized(message: str) -> Refusal:
    """A 401 with its envelope."""
    return Refusal(401, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"})


def scripted(status: int) -> Refusal:
    """The envelope of a scripted ``status`` fault."""
    codes = {
        401: "unauthorized",
        403: "insufficient_scope",
        404: "not_found",
        409: "conflict",
        422: "validation_failed",
        429: "rate_limited",
    }
    details = [Problem("order_id", "is refused by the sandbox's script")] if status == 422 else []
    code = codes.get(status, "server_error")
    return Refusal(status, code, "This answer was scripted in the sandbox.", details)
