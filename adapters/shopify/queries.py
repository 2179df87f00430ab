"""Every query that is sent, as text. Validated against Shopify's whole schema of 2026-10 by a test.

One selection serves the list, a single order and the bulk operation, so that all three give the same
document. So it keeps to what bulk operations allow: one nested connection, none inside a list, no fragments
and no variables. ``discountApplications``, ``shippingLines`` and refunds' lines cannot be part of one; what
is needed of them stands in the allocations of each line and in ``shippingLine``.
"""

from __future__ import annotations

import msgspec

LINES = 20  # line items that come with a listed order; few orders have more, and each costs points
MOST_LINES = 250  # Shopify's largest page

_ADDRESS = "firstName lastName company address1 address2 city provinceCode countryCodeV2 zip phone"

_CUSTOMER = (
    "customer { legacyResourceId defaultEmailAddress { emailAddress marketingState }"
    " defaultPhoneNumber { phoneNumber smsMarketingConsent { state } } }"
)


class Selection(msgspec.Struct, frozen=True):
    """Which variant is asked for: ``money`` is shop or presentment, ``customer`` needs read_customers."""

    money: str
    customer: bool

    def order(self) -> str:
        """The fields of an order, without its lines."""
        amount, taxes = self._amount(), self._taxes()
        return (
            "id legacyResourceId name createdAt processedAt updatedAt cancelledAt closedAt test sourceName"
            " tags email phone currencyCode presentmentCurrencyCode taxesIncluded requiresShipping"
            " customerAcceptsMarketing displayFinancialStatus displayFulfillmentStatus"
            " subtotalLineItemsQuantity currentSubtotalLineItemsQuantity discountCodes paymentGatewayNames"
            " customAttributes { key value }"
            f" totalPriceSet {amount} totalTaxSet {amount} totalOutstandingSet {amount} {taxes}"
            f" {_CUSTOMER if self.customer else ''}"
            f" billingAddress {{ {_ADDRESS} }} shippingAddress {{ {_ADDRESS} }}"
            " fulfillments { status displayStatus }"
            f" shippingLine {{ {taxes} {self._allocations()} }}"
        )

    def line(self) -> str:
        """The fields of a line item."""
        return (
            "id sku name quantity currentQuantity"
            f" originalUnitPriceSet {self._amount()} {self._taxes()} {self._allocations()}"
        )

    def _amount(self) -> str:
        return f"{{ {self.money}Money {{ amount }} }}"

    def _taxes(self) -> str:
        return f"taxLines {{ title rate priceSet {self._amount()} }}"

    def _allocations(self) -> str:
        titles = "".join(
            f" ... on {kind}DiscountApplication {{ title }}" for kind in ("Automatic", "Manual", "Script")
        )
        return (
            f"discountAllocations {{ allocatedAmountSet {self._amount()}"
            " discountApplication { __typename index"
            f" ... on DiscountCodeApplication {{ code }}{titles} }} }}"
        )


def orders(selection: Selection) -> str:
    """A page of orders."""
    return (
        "query Orders($first: Int!, $after: String, $query: String!, $sortKey: OrderSortKeys!,"
        " $reverse: Boolean!, $lines: Int!) {"
        " orders(first: $first, after: $after, query: $query, sortKey: $sortKey, reverse: $reverse) {"
        " pageInfo { hasNextPage endCursor }"
        f" nodes {{ {selection.order()} {_some_lines(selection)} }} }} }}"
    )


IDS = (
    "query Ids($first: Int!, $after: String, $query: String!, $sortKey: OrderSortKeys!, $reverse: Boolean!) {"
    " orders(first: $first, after: $after, query: $query, sortKey: $sortKey, reverse: $reverse) {"
    " pageInfo { hasNextPage endCursor } nodes { legacyResourceId } } }"
)


def order(selection: Selection) -> str:
    """One order."""
    return (
        "query Order($id: ID!, $lines: Int!) {"
        f" order(id: $id) {{ {selection.order()} {_some_lines(selection)} }} }}"
    )


def several(selection: Selection) -> str:
    """Orders by their ids."""
    return (
        "query Several($ids: [ID!]!, $lines: Int!) {"
        f" nodes(ids: $ids) {{ ... on Order {{ {selection.order()} {_some_lines(selection)} }} }} }}"
    )


def more_lines(selection: Selection) -> str:
    """Further line items of one order."""
    return (
        "query Lines($id: ID!, $first: Int!, $after: String!) { order(id: $id) {"
        " lineItems(first: $first, after: $after) {"
        f" pageInfo {{ hasNextPage endCursor }} nodes {{ {selection.line()} }} }} }} }}"
    )


def bulk(selection: Selection, search: str) -> str:
    """The orders that ``search`` finds, newest first, for a bulk operation."""
    return (
        f'{{ orders(query: "{search}", sortKey: CREATED_AT, reverse: true) {{ edges {{ node {{'
        f" {selection.order()} lineItems {{ edges {{ node {{ {selection.line()} }} }} }} }} }} }} }}"
    )


COUNT = "query Count($query: String!) { ordersCount(query: $query, limit: null) { count precision } }"

SCOPES = "query Scopes { currentAppInstallation { accessScopes { handle } } }"

SHOP = (
    "query Shop { shop { name myshopifyDomain currencyCode plan { publicDisplayName } }"
    " currentAppInstallation { accessScopes { handle } } publicApiVersions { handle supported } }"
)

START_BULK = (
    "mutation StartBulk($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: false) {"
    " bulkOperation { id } userErrors { code message } } }"
)

BULK = "query Bulk($id: ID!) { bulkOperation(id: $id) { id status createdAt rootObjectCount url } }"

SUBSCRIPTIONS = (
    "query Subscriptions($first: Int!, $after: String) { webhookSubscriptions(first: $first, after: $after) {"
    " pageInfo { hasNextPage endCursor } nodes { id topic uri } } }"
)

SUBSCRIBE = (
    "mutation Subscribe($topic: WebhookSubscriptionTopic!, $subscription: WebhookSubscriptionInput!) {"
    " webhookSubscriptionCreate(topic: $topic, webhookSubscription: $subscription) {"
    " webhookSubscription { id } userErrors { message } } }"
)

UNSUBSCRIBE = (
    "mutation Unsubscribe($id: ID!) { webhookSubscriptionDelete(id: $id) {"
    " deletedWebhookSubscriptionId userErrors { message } } }"
)


def _some_lines(selection: Selection) -> str:
    return (
        f"lineItems(first: $lines) {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {selection.line()} }} }}"
    )
