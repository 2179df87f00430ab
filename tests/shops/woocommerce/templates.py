"""The sample documents of a real shop, as moulds for orders."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[3] / "cassettes" / "woocommerce" / "samples" / "orders"

# What an ordinary week brings; the names are the samples'.
SAMPLE_NAMES = (
    "processing_card_paid",
    "completed_card",
    "onhold_bacs",
    "processing_cod_unpaid",
    "coupon_percent",
    "two_coupons",
    "fee_negative_discount",
    "tax_quebec_gst_qst",
    "prices_include_tax_de",
    "variation_items",
    "virtual_download_completed_no_shipping",
    "partial_refund_amount_only",
    "address_phone_gb",
    "optin_mailchimp_yes",
    "optin_mailchimp_no_classic",
    "pending_bacs_guest",
    "cancelled_unpaid_timeout",
)


def template(name: str) -> dict[str, Any]:
    """A fresh copy of a sample document."""
    body: dict[str, Any] = json.loads(_text(name))
    return body


@cache
def _text(name: str) -> str:
    return (_FOLDER / f"{name}.json").read_text()
