"""What the mapping left out though the shop said something: a closed set, to be counted and shown."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class NoteKind(StrEnum):
    """Why something is not in the payload."""

    UNKNOWN_FINANCIAL_STATUS = "unknown-financial-status"
    UNKNOWN_FULFILLMENT_STATUS = "unknown-fulfillment-status"
    EMAIL_UNUSABLE = "email-unusable"
    PHONE_UNPARSABLE = "phone-unparsable"
    SMS_CONSENT_WITHOUT_PHONE = "sms-consent-without-phone"
    COUNTRY_UNKNOWN = "country-unknown"
    PHONE_OF_ADDRESS = "address-phone-unparsable"
    PART_UNREADABLE = "part-unreadable"


class Note(msgspec.Struct, frozen=True):
    """One thing left out, without buyer's data; ``str`` is a short key to count by.

    ``word`` is the platform's status word, for the kinds about statuses, or the place of a part.
    """

    kind: NoteKind
    word: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.word}" if self.word else str(self.kind)

    @property
    def sentence(self) -> str:
        """What the operator reads."""
        return _SENTENCES[self.kind].format(word=self.word)


_SENTENCES = {
    NoteKind.UNKNOWN_FINANCIAL_STATUS: "the status {word!r} is not known, and financial_status is not "
    "guessed; say what it means under mapping.financial_status",
    NoteKind.UNKNOWN_FULFILLMENT_STATUS: "the status {word!r} is not known, and fulfillment_status is not "
    "guessed; say what it means under mapping.fulfillment_status",
    NoteKind.EMAIL_UNUSABLE: "email is left out, because what the shop has is no e-mail address",
    NoteKind.PHONE_UNPARSABLE: "phone is left out, because what the shop has is not certainly a number; "
    "mapping.default_phone_region helps where addresses have no country",
    NoteKind.SMS_CONSENT_WITHOUT_PHONE: "accepts_sms_marketing is left out: its phone number is not usable",
    NoteKind.PHONE_OF_ADDRESS: "phone is left out of an address, because what stands there is not "
    "certainly a number",
    NoteKind.COUNTRY_UNKNOWN: "country_code is left out of an address, because its country is not known",
    NoteKind.PART_UNREADABLE: "{word} is left out, because what stands there cannot be read",
}
