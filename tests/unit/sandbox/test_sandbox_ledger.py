"""What the sandbox makes of orders: contacts, consents, updates, flows, integrations, businesses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.privy_client import ERASED, ORDER, Client, client, refused


@pytest.fixture
async def privy() -> AsyncIterator[Client]:
    async with client() as running:
        yield running


# E-mail, phone, contacts and consents


async def test_an_order_needs_an_email_or_a_phone(privy: Client) -> None:
    assert "email" in refused(await privy.place(email=ERASED))
    assert "email" in refused(await privy.place(email="", phone=" "[:0]))
    assert (await privy.place(email=ERASED, phone="+15125550123")).status_code == 201


async def test_sms_consent_needs_a_phone_in_the_same_call(privy: Client) -> None:
    await privy.place(phone="+15125550123")
    assert list(refused(await privy.place(accepts_sms_marketing=True))) == ["phone"]
    assert (await privy.place(accepts_sms_marketing=False)).status_code == 200


@pytest.mark.parametrize("phone", ["(512) 555-0123", "+1 512-555-0123", "001 512 555 0123"[2:]])
async def test_a_phone_is_normalised_to_e164(privy: Client, phone: str) -> None:
    assert (await privy.place(phone=phone)).json()["data"]["phone"] == "+15125550123"


async def test_a_contact_is_found_by_email_whatever_its_case_or_else_by_phone(privy: Client) -> None:
    await privy.place(order_id=1, phone="+15125550123")
    await privy.place(order_id=2, email="ANN@shop.example", phone="+4930901820")
    await privy.place(order_id=3, email=ERASED, phone="+15125550123")
    await privy.place(order_id=4, email="bob@shop.example", phone="+15125550123")
    ledger = privy.privy.ledger
    assert [ledger.orders[number].contact for number in (1, 2, 3, 4)] == [1, 1, 1, 2]
    assert [contact.email for contact in ledger.contacts] == ["ann@shop.example", "bob@shop.example"]


async def test_a_new_contact_takes_its_name_from_shipping_or_else_from_billing(privy: Client) -> None:
    shipping, billing = {"first_name": "Ann", "last_name": "Lee"}, {"name": "Bob de Vries"}
    await privy.place(order_id=1, email="a@x.example", shipping_address=shipping, billing_address=billing)
    await privy.place(
        order_id=2, email="b@x.example", shipping_address={"city": "Ede"}, billing_address=billing
    )
    await privy.place(order_id=3, email="a@x.example", shipping_address=billing)
    names = [(contact.first_name, contact.last_name) for contact in privy.privy.ledger.contacts]
    assert names == [("Ann", "Lee"), ("Bob", "de Vries")]


async def test_an_email_consent_subscribes_and_never_unsubscribes(privy: Client) -> None:
    await privy.place(accepts_email_marketing=False)
    contact = privy.privy.ledger.contacts[0]
    assert not contact.email_subscribed
    await privy.place(accepts_email_marketing=True)
    await privy.place(accepts_email_marketing=False)
    assert contact.email_subscribed


async def test_an_sms_consent_is_recorded_for_a_new_contact_only(privy: Client) -> None:
    await privy.place(order_id=1)
    await privy.place(order_id=2, phone="+15125550123", accepts_sms_marketing=True)
    await privy.place(order_id=3, email="b@x.example", phone="+4930901820", accepts_sms_marketing=True)
    assert [contact.sms_consent for contact in privy.privy.ledger.contacts] == [None, True]


# Upsert and flows


async def test_an_update_keeps_what_it_leaves_out_and_clears_what_it_says_empty(privy: Client) -> None:
    discount = [{"code": "SPRING", "amount": 5}]
    await privy.place(discounts=discount, billing_address={"city": "Ede"}, financial_status="pending")
    await privy.place(financial_status="paid")
    fields = privy.privy.ledger.orders[ORDER["order_id"]].fields
    assert (fields["discounts"], fields["financial_status"]) == (discount, "paid")
    await privy.place(discounts=[], billing_address={})
    assert (fields["discounts"], fields["billing_address"]) == ([], {})


async def test_a_new_order_starts_order_placed_once(privy: Client) -> None:
    await privy.place()
    await privy.place(total=96)
    assert [(f.kind, f.order_id, f.email) for f in privy.privy.ledger.flows] == [
        ("Order Placed", ORDER["order_id"], "ann@shop.example")
    ]


async def test_becoming_delivered_starts_order_received(privy: Client) -> None:
    await privy.place(initial_sync=True)
    await privy.place(fulfillment_status="delivered")
    await privy.place(fulfillment_status="delivered")
    await privy.place()
    assert [flow.kind for flow in privy.privy.ledger.flows] == ["Order Received"]


async def test_an_initial_sync_starts_nothing_then_or_later(privy: Client) -> None:
    await privy.place(order_id=1, initial_sync=True, fulfillment_status="delivered")
    await privy.place(order_id=1, fulfillment_status="delivered")
    await privy.place(order_id=2, initial_sync=True)
    await privy.place(order_id=2, initial_sync=True, fulfillment_status="delivered")
    assert privy.privy.ledger.flows == []
    assert privy.privy.ledger.orders[1].initial_sync


async def test_omitting_initial_sync_means_false_even_after_an_initial_sync(
    privy: Client,
) -> None:
    await privy.place(order_id=1, initial_sync=True)
    await privy.place(order_id=1, fulfillment_status="delivered")
    assert [flow.kind for flow in privy.privy.ledger.flows] == ["Order Received"]


# Integrations and businesses


async def test_an_order_is_tied_to_the_only_integration_by_itself() -> None:
    async with client(integrations=["one"]) as privy:
        await privy.place()
        assert privy.privy.ledger.orders[ORDER["order_id"]].integration == "one"


async def test_with_two_integrations_the_header_decides_and_is_kept() -> None:
    async with client(integrations=["one", "two"]) as privy:
        await privy.place()
        order = privy.privy.ledger.orders[ORDER["order_id"]]
        assert order.integration == ""
        await privy.place(integration="two")
        await privy.place()
        assert order.integration == "two"


@pytest.mark.parametrize("token", ["nobody", "one", ""])
async def test_an_unknown_or_inactive_integration_is_refused(token: str) -> None:
    async with client(integrations=["one"]) as privy:
        privy.privy.business.integrations["one"] = False
        assert list(refused(await privy.place(integration=token))) == ["X-Privy-Integration-Token"]
        assert not privy.privy.ledger.orders


async def test_businesses_share_nothing() -> None:
    async with client(others={"other": "privy_other"}, per_minute=1) as privy:
        assert (await privy.place()).status_code == 201
        assert (await privy.place()).status_code == 429
        assert (await privy.place(token="privy_other")).status_code == 201
