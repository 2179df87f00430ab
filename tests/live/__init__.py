"""The live proof: real shops, the sandbox as Privy and the daemon, as an operator would run them.

``make live`` (``python -m tests.live``) installs each shop from the package registries, fills it, and lets
customers order while the daemon reads it. At the end shop and sandbox are compared order by order. It is no
part of ``make test``: it needs the network for the installation, and minutes.

``shop.LiveShop`` is what a shop brings; everything else here knows no shop.
"""
