"""Takes secrets and buyers' data out of what is logged, stored as an error or shown.

Two nets: by key (a field called ``token`` or ``email`` is hidden whatever it holds) and by value (each
configured secret is hidden wherever it stands), with patterns for what is secret by its form.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "[redacted]"
SHORTEST = 4  # hiding every "a" would hide the log; the configuration's own secrets are longer than this

_SENSITIVE_KEYS = re.compile(
    r"token|secret|passw|authorization|cookie|credential|consumer_key|api_?key|access_key|private_key|signature"
    r"|mail|phone|first_?name|last_?name|address[12]|billing|shipping|post(al)?_?code",
    re.IGNORECASE,
)
_SECRET_FORMS = re.compile(
    r"(?P<bearer>\b(?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{6,}"
    r"|(?P<name>\b\w*(?:token|secret|password|consumer_key|api_key|signature)=)[^&\s\"']+"
    r"|(?P<userinfo>://)[^/\s@]+(?=@)"
    r"|\bprivy_[0-9a-f]{8,}"
    r"|(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+",
    re.IGNORECASE,
)


class Redactor:
    """Hides the secrets it was told, and what is secret or personal by its key or form."""

    def __init__(self) -> None:
        self._by_start: dict[str, list[str]] = {}  # a thousand stores' secrets must not cost a scan each

    def learn(self, secrets: Iterable[str]) -> None:
        """More secrets to hide, for example an access token that was just fetched."""
        for secret in secrets:
            if len(secret) < SHORTEST:
                continue
            for form in {secret, quote(secret, safe=""), b64encode(secret.encode()).decode()}:
                alike = self._by_start.setdefault(form[:SHORTEST], [])
                if form not in alike:
                    alike.append(form)
                    alike.sort(key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets, e-mail addresses and credentials in addresses."""
        return _SECRET_FORMS.sub(_hide_form, self._without_known(text))

    def _without_known(self, text: str) -> str:
        parts = []
        done = at = 0
        while at <= len(text) - SHORTEST:
            alike = self._by_start.get(text[at : at + SHORTEST], ())
            found = next((form for form in alike if text.startswith(form, at)), "")
            if found:
                parts += [text[done:at], HIDDEN]
                done = at + len(found)
            at += len(found) or 1
        return "".join(parts) + text[done:]

    def value(self, value: Any) -> Any:
        """The value with every text in it redacted; objects that are not plain data become text first."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return self.fields(value)
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(each) for each in value]
        return self.text(str(value))

    def fields(self, fields: Mapping[Any, Any]) -> dict[str, Any]:
        """A mapping with sensitive keys hidden; flags and absences stay, since they tell nothing."""
        return {
            self.text(str(key)): HIDDEN
            if _SENSITIVE_KEYS.search(str(key)) and value is not None and not isinstance(value, bool)
            else self.value(value)
            for key, value in fields.items()
        }


def _hide_form(match: re.Match[str]) -> str:
    return (match["bearer"] or match["name"] or match["userinfo"] or "") + HIDDEN
