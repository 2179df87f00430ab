"""What a store of platform ``vendure`` can configure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from connector.sdk.contract import StrictModel
from connector.sdk.credentials import KeyOrLogin

FieldName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Credentials(KeyOrLogin):
    """An API key (Vendure 3.6 and newer), or an administrator's login."""

    key_field = "api_key"

    api_key: SecretStr | None = Field(default=None, min_length=1)


class Options(StrictModel):
    """Which of the shop's orders are read, and how."""

    channel: str = Field(
        default="",
        description="A channel's token, to read that channel only; default: the default channel, which holds "
        "the orders of all.",
    )
    seller_orders: bool = Field(
        default=False,
        description="In a multi-vendor shop: the orders of one seller (whose channel is given) instead of "
        "the customers' orders that they are parts of.",
    )
    page_size: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="Orders per request; less for a slow shop, or where the HardenPlugin limits queries.",
    )
    order_fields: tuple[FieldName, ...] = Field(
        default=(), description="Custom fields of orders to ask for; the mapping finds them in customFields."
    )
    customer_fields: tuple[FieldName, ...] = Field(
        default=(),
        description="Custom fields of customers to ask for; the mapping finds them in customer.customFields.",
    )
