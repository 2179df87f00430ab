"""A stand-in for a Shopify shop: the Admin API on GraphQL, 2026-10, with the rules seen on real ones.

Queries are held to Shopify's own schema (``schema.graphql``, trimmed): what it does not know fails as it
does at Shopify. What the stand-in itself cannot do fails loudly and is kept in ``shop.mistakes``.

**In a test**, in a thread of its own, reachable on a free port of 127.0.0.1::

    shop = Shop()
    shop.seed(500)                                  # orders of every day; see ``catalogue.KINDS``
    with serve(shop) as url:                        # http://127.0.0.1:PORT
        shop.fulfil(shop.add("included"))           # at any time, from any thread

**As a process**: ``python -m tests.shops.shopify --port 0 --orders 5000`` prints its address on stdout once
it listens; ``--help`` lists the rest. Then ``POST /control/METHOD`` with a JSON object of arguments calls a
method of ``Shop`` (see ``CONTROLS``) and answers ``{"result": …}``.

**Access.** App ``client_test``/``shpss_test`` by client credentials (``grant_failure`` to refuse it), or the
older token ``shpat_test``. ``scopes`` are what the app was granted: without ``read_all_orders`` orders of the
last 60 days alone are seen, without ``read_customers`` no customer. ``masked`` withholds protected data.
``expire_tokens()`` ends the life of every token. ``versions`` are those that still run.

**Orders.** ``add``, ``seed``, ``pay``, ``fulfil``, ``carrier`` (delivered; ``carrier_moves_updated_at``),
``refund``, ``cancel``, ``edit``, ``touch``, ``consent``, ``delete``, ``order``. ``index_lag`` is how many
seconds later lists know of a change, ``commit()`` lets them catch up; ``order(id:)`` always knows.

**Points.** ``bucket``: ``Bucket(maximum, restore)``, ``drain()``.

**Bulk operations.** ``shop.bulk``: ``script("FAILED", "TIMEOUT", partial=True)`` for the next one, ``held``
and ``finish()``, ``looks``, ``expire()``, ``chunk`` and ``chunk_seconds`` for a slow download.

**Webhooks.** ``shop.webhooks``: subscriptions through the API; every change is delivered over HTTP, signed
with ``client_secret``, retried, and the subscription deleted after eight failures in a row. ``held`` and
``release()``; ``sent``; ``compliance_uri`` with ``shop.redact("customers/redact", id)``.

**Faults.** ``fail(kind, times=1, path="")`` (``times=None``: from now on; ``path``: a regular expression),
``calm()``. Kinds: see ``faults.KINDS``. **Looking in.** ``requests``, ``before_request``, ``latency``.
"""

from tests.shops.shopify.cost import Bucket
from tests.shops.shopify.server import serve
from tests.shops.shopify.shop import CONTROLS, SCOPES, Shop

__all__ = ["CONTROLS", "SCOPES", "Bucket", "Shop", "serve"]
