"""What a merchant does with orders, through the Admin API."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.live.vendure.graphql import Api

PRICED = "Order { id totalWithTax taxSummary { taxTotal } }"
_ORDER = """query($id: ID!) { order(id: $id) {
  id state orderPlacedAt currencyCode couponCodes
  customer { id emailAddress phoneNumber }
  shippingAddress { city countryCode }
  lines { id quantity orderPlacedQuantity unitPrice productVariant { sku } }
  payments { id state amount refunds { id state total } }
  fulfillments { id createdAt state }
} }"""
_NOTHING_ELSE = {"lines": [], "shipping": 0, "adjustment": 0}  # deprecated, and needed all the same


class Merchant:
    """``cup`` is what is added to orders.

    ``sold`` is what each order came to before any cancellation, and the tax in that, in minor units.
    """

    def __init__(self, admin: Api) -> None:
        self.cup = ""
        self.sold: dict[str, tuple[int, int]] = {}
        self._admin = admin

    def note(self, order: Mapping[str, Any]) -> None:
        """Keep what an order comes to, of an answer to ``PRICED``."""
        self.sold[order["id"]] = (
            order["totalWithTax"],
            sum(each["taxTotal"] for each in order["taxSummary"]),
        )

    async def order(self, ref: str) -> dict[str, Any]:
        order: dict[str, Any] = await self._admin(_ORDER, id=ref)
        return order

    async def step(self, ref: str, step: str) -> None:
        name, _, amount = step.partition(" ")
        order = await self.order(ref)
        parcels = sorted(order["fulfillments"], key=lambda parcel: int(parcel["id"]))
        match name, amount:
            case "settle", _:
                await self._admin(
                    "mutation($id: ID!) { settlePayment(id: $id) %s }",
                    "Payment { id }",
                    id=order["payments"][0]["id"],
                )
            case "fulfil", _:
                lines = order["lines"][:1] if amount else order["lines"]
                await self._admin(
                    "mutation($i: FulfillOrderInput!) { addFulfillmentToOrder(input: $i) %s }",
                    "Fulfillment { id }",
                    i={
                        "lines": [
                            {"orderLineId": line["id"], "quantity": line["quantity"]} for line in lines
                        ],
                        "handler": {
                            "code": "manual-fulfillment",
                            "arguments": [
                                {"name": "method", "value": "Post"},
                                {"name": "trackingCode", "value": "T-1"},
                            ],
                        },
                    },
                )
            case (("ship" | "deliver" | "unfulfil"), _):
                states = {"ship": "Shipped", "deliver": "Delivered", "unfulfil": "Cancelled"}
                await self._admin(
                    "mutation($id: ID!, $s: String!) { transitionFulfillmentToState(id: $id, state: $s) %s }",
                    "Fulfillment { id }",
                    id=parcels[0]["id"],
                    s=states[name],
                )
            case "cancel", _:
                one = {"lines": [{"orderLineId": order["lines"][0]["id"], "quantity": 1}]} if amount else {}
                await self._admin(
                    "mutation($i: CancelOrderInput!) { cancelOrder(input: $i) %s }",
                    "Order { id }",
                    i={"orderId": ref, "reason": "a test", "cancelShipping": not amount, **one},
                )
            case "refund", _:
                payment = order["payments"][0]
                minor = payment["amount"] if amount == "all" else int(Decimal(amount) * 100)
                await self._admin(
                    "mutation($i: RefundOrderInput!) { refundOrder(input: $i) %s }",
                    "Refund { id }",
                    i={"paymentId": payment["id"], "amount": minor, "reason": "a test", **_NOTHING_ELSE},
                )
            case "book", _:
                (refund,) = (each for each in order["payments"][0]["refunds"] if each["state"] == "Pending")
                await self._admin(
                    "mutation($i: SettleRefundInput!) { settleRefund(input: $i) %s }",
                    "Refund { id }",
                    i={"id": refund["id"], "transactionId": "r-1"},
                )
            case "add", _:
                await self._go(ref, "Modifying")
                items = [{"productVariantId": self.cup, "quantity": 1}]
                changed = await self._admin(
                    "mutation($i: ModifyOrderInput!) { modifyOrder(input: $i) %s }",
                    PRICED,
                    i={"dryRun": False, "orderId": ref, "addItems": items},
                )
                self.note(changed)
                await self._go(ref, "ArrangingAdditionalPayment")
            case "pay", _:
                await self._admin(
                    "mutation($i: ManualPaymentInput!) { addManualPaymentToOrder(input: $i) %s }",
                    "Order { id }",
                    i={"orderId": ref, "method": "at-once", "transactionId": "m-1", "metadata": {}},
                )
                await self._go(ref, "PaymentSettled")
            case _:
                raise AssertionError(f"no such step: {step}")

    async def _go(self, ref: str, state: str) -> None:
        await self._admin(
            "mutation($id: ID!, $s: String!) { transitionOrderToState(id: $id, state: $s) %s }",
            "Order { id }",
            id=ref,
            s=state,
        )
