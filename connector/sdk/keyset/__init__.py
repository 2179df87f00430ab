"""Lists of orders, read by time so that nothing is skipped.

An adapter declares a list (``List``): which time bounds it, how fine that time is, how late a row may become
visible, and how a part of it is fetched (``Ask`` in, ``Rows`` out). ``Reader`` then polls it and reads its
history. See ``reader`` for how, and ``window`` for why that can lose no row.
"""

from connector.sdk.keyset.gaps import Gap, must_be_few, reason_of
from connector.sdk.keyset.listing import Ask, Bad, List, Listing, Rows, twice
from connector.sdk.keyset.page_size import PageSize
from connector.sdk.keyset.reader import Reader

__all__ = [
    "Ask",
    "Bad",
    "Gap",
    "List",
    "Listing",
    "PageSize",
    "Reader",
    "Rows",
    "must_be_few",
    "reason_of",
    "twice",
]
