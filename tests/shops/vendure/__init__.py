"""A stand-in for Vendure v3: the part of its Admin API that the adapter uses, with its rules.

Seen on a real Vendure 3.7.3: refusals with status 200; an unknown field is 400; times are kept in
microseconds and shown in milliseconds; bounds are exclusive; ``updatedAt`` stands still when an order is
placed, paid, shipped or refunded; a shop with one channel takes any channel token; no more than 1000 rows
at once.
"""
