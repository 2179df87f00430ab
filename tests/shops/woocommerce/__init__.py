"""A stand-in for a WooCommerce shop (REST API v3) that keeps the rules seen on WooCommerce 10.5.0.

**In a test**, in a thread of its own, reachable on a free port of 127.0.0.1::

    shop = Shop(zone="America/New_York", secure=True)
    shop.seed(500)                                  # realistic orders of about 3 kB
    with serve(shop) as url:                        # http://127.0.0.1:PORT
        shop.edit(17, status="completed")           # at any time, from any thread

**As a process**: ``python -m tests.shops.woocommerce --port 0 --orders 5000 --secure`` prints its address
on stdout once it listens; ``--help`` lists the rest. Then ``POST /control/METHOD`` with a JSON object of
arguments calls a method of ``Shop`` (see ``CONTROLS``) and answers ``{"result": …}``; ``GET /control/``
counts orders and requests.

**Sign-in.** Keys are ``ck_test``/``cs_test`` (``Shop.keys``). By default the shop behaves as over plain http:
OAuth 1.0a only, a nonce counts once. ``secure=True`` makes it behave as behind https, though it speaks plain
http on loopback: Basic, keys in the query, OAuth. Then configure ``options: {authentication: basic}``.

**Clock.** Real time, until ``shop.clock.set(datetime)`` or ``shop.clock.advance(seconds)``; it dates what is
saved and the ``Date`` header. OAuth timestamps are always judged by real time.

**Orders.** ``add``, ``seed``, ``edit``, ``refund``, ``trash``, ``untrash``, ``delete`` (for good), ``order``.
``commit_after=SECONDS`` keeps a write invisible until the shop's clock has passed, or ``commit()``.
``storage="legacy"`` sorts by local time as it was stored and moves ``date_modified`` only on a change of
status or a refund; ``move_zone(name)`` gives the site another time zone. ``shop.version`` before 10.4 sorts
rows of one second anyhow; from 11.0 on ``status=any`` holds no checkout-draft. ``hide_status(slug)`` keeps a
status out of it, ``break_order(id)`` makes PHP fail at an order.

**Faults.** ``fail(kind, times=1, path="")`` for the next requests (``times=None``: from now on; ``path``:
a regular expression that the path must match), ``calm()`` ends them all. Kinds: see ``faults.KINDS``.
``fail_share(0.05)`` lets that part of all requests fail. ``shop.latency`` is seconds per request,
``shop.heaviest`` the largest ``per_page`` that does not time out.

**Looking in.** ``shop.requests`` holds (method, path, parameters) of the latest requests;
``shop.before_request`` is called ahead of each, to change the shop between two pages.

**Webhooks** are managed through the API. What happens to orders waits until ``shop.deliver()`` runs the
queue, as WP-Cron would; see ``hooks``. ``shop.delivery(id, topic, secret)`` makes one by hand.
"""

from tests.shops.woocommerce.server import serve
from tests.shops.woocommerce.shop import CONTROLS, Clock, Key, Refused, Shop

__all__ = ["CONTROLS", "Clock", "Key", "Refused", "Shop", "serve"]
