"""What a store of platform ``woocommerce`` can configure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, SecretStr

from connector.sdk.contract import StrictModel


class Credentials(StrictModel):
    """A REST API key (WooCommerce, Settings, Advanced, REST API); read permission is enough."""

    consumer_key: SecretStr = Field(min_length=1)
    consumer_secret: SecretStr = Field(min_length=1)


class Options(StrictModel):
    """Meta keys are those of ``meta_data`` in the order; a list given here replaces the default."""

    authentication: Literal["auto", "basic", "oauth"] = Field(
        default="auto",
        description="auto: Basic over https, OAuth 1.0a over http. oauth helps where a host removes the "
        "Authorization header.",
    )
    page_size: int = Field(
        default=100,
        ge=1,
        le=100,
        description="Orders per request; less for a shop that is slow or short of memory.",
    )
    email_consent: tuple[str, ...] = Field(
        default=(
            "mailchimp_woocommerce_is_subscribed",
            "_woo_ml_subscribe",
            "activecampaign_for_woocommerce_accepts_marketing",
        ),
        description="Meta keys that hold consent to e-mail, of Mailchimp, MailerLite, ActiveCampaign. "
        "A checkbox of the block checkout is called _wc_other/NAMESPACE/FIELD.",
    )
    sms_consent: tuple[str, ...] = Field(
        default=(
            "mailchimp_woocommerce_sms_subscribed",
            "mailchimp_woocommerce_sms_consent_subscribed",
        ),
        description="Meta keys that hold consent to text messages, by default of Mailchimp.",
    )
    sms_phone: tuple[str, ...] = Field(
        default=("mailchimp_woocommerce_sms_phone", "mailchimp_woocommerce_sms_consent_phone"),
        description="Meta keys that hold the number for which that consent was given.",
    )
    authorized: Mapping[str, str] = Field(
        default={
            "_stripe_charge_captured": "no",
            "_intention_status": "requires_capture",
            "_ppcp_paypal_captured": "false",
        },
        description="Meta keys and values by which a gateway says that an on-hold order is only authorized: "
        "Stripe, WooPayments, PayPal Payments.",
    )
