"""The one e-mail address in what a shop has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.emails import address

ADA = "ada@example.com"


@pytest.mark.parametrize(
    "text",
    [
        ADA,
        f" {ADA}\n",
        f"Ada <{ADA}>",
        f'"Lovelace, Ada" <{ADA}>',
        f"<{ADA}>",
        f"‹{ADA}›",
        f"«{ADA}»",
        f"{ADA} <{ADA}>",
        f"<mailto:{ADA}>",
        f"mailto:{ADA}",
        "MAILTO:ada%40example.com?subject=Hi",
        f'"{ADA}"',
        f"'{ADA}'",
        f"“{ADA}”",
        f"({ADA})",
        f"{ADA}.",
        f"{ADA},",
        f"{ADA};",
        f"{ADA}, {ADA}",
        "ada＠example.com",
        "ａｄａ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "ada@example。com",
        f"\u200b{ADA}\ufeff",
        "ada\u00ad@exam\u200dple.com",
        f"\u00a0{ADA}\u3000",
        f"\u202a{ADA}\u202c",
        f"&lt;{ADA}&gt;",
        "ada&#64;example.com",
    ],
)
def test_an_address_is_unwrapped(text: str) -> None:
    assert address(text) == ADA


@pytest.mark.parametrize(
    "text",
    [
        *("a+tag@b.example", "Ö@bücher.example", "a@xn--bcher-kva.example", "o'x@b.co.uk", "用户@例子.公司"),
        *("Ada@Example.COM", "a&b@c.example", "r&copy@c.example", "me@shop.test", "_a-b_@c-d.example"),
    ],
)
def test_unusual_addresses_are_kept_as_they_are(text: str) -> None:
    assert address(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "ada", "ada@", "@b.example", "a@b@c.example", "a b@c.example", "Ada a@b.example"),
        *("a..b@c.example", ".a@b.example", "a.@b.example", "a@-b.example", "a@b-.example", "a@b..example"),
        *("a@.b.example", "a@localhost", "a@printer.local", "a@b.invalid", "a@192.0.2.1", "a@[192.0.2.1]"),
        *("a@b.example, c@d.example", "a@b.example <c@d.example>", "a@b.example c@d.example", "Ada <>"),
        *("x" * 65 + "@b.example", "x@" + "y" * 64 + ".example", "x" * 250 + "@b.example", "a@b.co" * 200),
        *("a@b_c.example", "a @b.example", "<@>"),
    ],
)  # fmt: skip
def test_what_is_none_or_more_than_one_is_none(text: str) -> None:
    assert address(text) == ""


@given(st.text(alphabet=st.characters(exclude_categories=())) | st.emails())
def test_any_text_is_an_address_or_none(text: str) -> None:
    found = address(text)
    assert not found or (found.isprintable() and found.count("@") == 1 and address(found) == found)
