"""Imported in the project's shell: goods, vouchers and the connector's user, into an empty database."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.utils import timezone
from oscar.core.loading import get_model as model
from rest_framework.authtoken.models import Token

GOODS = (
    ("Kettle", "KETTLE", "24.95"),
    ("Cup", "CUP", "7.77"),
    ("Tea", "TEA", "4.50"),
    ("Sample", "FREE", "0.00"),
)


for code, name in (("DE", "Germany"), ("US", "United States")):
    model("address", "Country").objects.create(
        iso_3166_1_a2=code, printable_name=name, name=name, is_shipping_country=True
    )
kind = model("catalogue", "ProductClass").objects.create(name="Goods", track_stock=False)
partner = model("partner", "Partner").objects.create(name="Warehouse")
products = []
for title, sku, price in GOODS:
    product = model("catalogue", "Product").objects.create(title=title, product_class=kind)
    model("partner", "StockRecord").objects.create(
        product=product, partner=partner, partner_sku=sku, price=Decimal(price), price_currency="EUR"
    )
    products.append(product.pk)

everything = model("offer", "Range").objects.create(name="Everything", includes_all_products=True)
now = timezone.now()
for code, benefit, value in (("TENTH", "Percentage", 10), ("THREE", "Absolute", 3)):
    offer = model("offer", "ConditionalOffer").objects.create(
        name=code,
        offer_type="Voucher",
        condition=model("offer", "Condition").objects.create(range=everything, type="Count", value=1),
        benefit=model("offer", "Benefit").objects.create(range=everything, type=benefit, value=value),
    )
    voucher = model("voucher", "Voucher").objects.create(
        name=code,
        code=code,
        usage="Multi-use",
        start_datetime=now - timedelta(days=1),
        end_datetime=now + timedelta(days=1),
    )
    voucher.offers.add(offer)

# What the example of a store tells to grant, and nothing else.
reader = get_user_model().objects.create_user("connector", "connector@example.com", "pass", is_staff=True)
reader.user_permissions.set(Permission.objects.filter(codename__in=("view_order", "view_line")))
filled = {"token": Token.objects.create(user=reader).key, "products": products}
Path(settings.FOLDER, "filled.json").write_text(json.dumps(filled))
