"""Orders keep exact numbers, and two stores of an account never meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.order_ids import (
    HASH_START,
    MIN_DISTANCE,
    Claim,
    Numbering,
    Strategy,
    collisions,
    numbering_text,
    numberings,
)
from connector.model.errors import BadOrder
from connector.model.payload import MAX_ORDER_ID

NATIVE = Numbering(store="acme", strategy=Strategy.NATIVE)
HASHED = Numbering(store="acme", strategy=Strategy.HASH)


def claim(store: str, strategy: Strategy, offset: int = 0, account: str = "main") -> Claim:
    return Claim(store=store, account=account, strategy=strategy, offset=offset)


@pytest.mark.parametrize("number", [1, 2**53 + 1, 2**62, MAX_ORDER_ID])
def test_native_numbers_are_exact_to_the_last_digit(number: int) -> None:
    assert NATIVE.number(number) == number
    assert NATIVE.number(str(number)) == number


@pytest.mark.parametrize(
    "value",
    [0, -1, MAX_ORDER_ID + 1, str(MAX_ORDER_ID + 1), "", "0", "007", "-1", "1.0", " 1", "²", "١", "9" * 5000],
)
def test_what_is_no_positive_64_bit_integer_is_refused_by_name(value: int | str) -> None:
    with pytest.raises(BadOrder, match="strategy to hash") as caught:
        NATIVE.number(value)
    assert caught.value.field == "order_id"


def test_offset_adds_and_stays_within_64_bits() -> None:
    numbering = Numbering(store="acme", strategy=Strategy.OFFSET, offset=10**9)
    assert numbering.number("42") == 10**9 + 42
    assert numbering.number(MAX_ORDER_ID - 10**9) == MAX_ORDER_ID
    with pytest.raises(BadOrder, match="beyond 64 bits") as caught:
        numbering.number(MAX_ORDER_ID - 10**9 + 1)
    assert caught.value.field == "order_id"


def test_hashed_numbers_never_change() -> None:
    assert HASHED.number("order_01JD") == HASHED.number("order_01JD")
    assert HASHED.number(17) == HASHED.number("17")
    assert HASHED.number("17") == 4733084934084477594
    with pytest.raises(BadOrder, match=r": the order has no id$") as caught:
        HASHED.number("")
    assert caught.value.field == "order_id"
    assert HASHED.number("\ud800") != HASHED.number("?")  # half of an emoji, as broken shops cut them


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=())), st.text(min_size=1))
def test_hashed_numbers_have_bit_62_and_depend_on_the_store(ref: str, store: str) -> None:
    number = HASHED.number(ref)
    assert HASH_START <= number <= MAX_ORDER_ID
    if store != "acme":
        assert Numbering(store=store, strategy=Strategy.HASH).number(ref) != number


def test_the_numbering_in_words_changes_with_everything_that_changes_the_numbers() -> None:
    assert numbering_text(Strategy.NATIVE, 0, "acme") == "native"
    assert numbering_text(Strategy.OFFSET, 10**9, "acme") == "offset 1000000000"
    assert numbering_text(Strategy.HASH, 0, "acme") == "hash v1 of acme"
    source = Numbering(store="acme", strategy=Strategy.NATIVE, source="display_id")
    assert source.text == "native from display_id"


def test_stores_of_one_account_must_keep_apart() -> None:
    problems = collisions([claim("b", Strategy.NATIVE), claim("a", Strategy.NATIVE)])
    assert [store for store, _ in problems] == ["b"]
    assert "stores a and b both deliver to account main" in problems[0][1]
    assert "offset: 1000000000" in problems[0][1]
    pairs = [claim(name, Strategy.NATIVE, account=name[0]) for name in ("b2", "b1", "a2", "a1", "a3")]
    found = collisions(pairs)
    assert sorted(store for store, _ in found) == ["a2", "a3", "b2"]
    apart = [
        claim("a", Strategy.OFFSET, 10**9),
        claim("b", Strategy.OFFSET, 5 * 10**9),
        claim("c", Strategy.OFFSET, 5 * 10**9),
    ]
    assert [(store, "offset: 6000000000" in text) for store, text in collisions(apart)] == [("c", True)]
    far = [claim("a", Strategy.NATIVE), claim("b", Strategy.NATIVE), claim("c", Strategy.OFFSET, 7 * 10**9)]
    assert [(store, "offset: 8000000000" in text) for store, text in collisions(far)] == [("b", True)]
    near = [claim("a", Strategy.NATIVE), claim("b", Strategy.OFFSET, MIN_DISTANCE - 1)]
    assert [store for store, _ in collisions(near)] == ["b"]


@pytest.mark.parametrize(
    "claims",
    [
        [],
        [claim("a", Strategy.NATIVE)],
        [claim("a", Strategy.OFFSET, 1)],
        [claim("a", Strategy.NATIVE), claim("b", Strategy.NATIVE, account="other")],
        [claim("a", Strategy.NATIVE), claim("b", Strategy.OFFSET, MIN_DISTANCE)],
        [claim("a", Strategy.NATIVE), claim("b", Strategy.HASH), claim("c", Strategy.HASH)],
    ],
)
def test_stores_that_cannot_meet_are_accepted(claims: list[Claim]) -> None:
    assert collisions(claims) == []


def test_each_stores_numbers_end_where_the_next_store_begins() -> None:
    found = numberings(
        [
            claim("c", Strategy.OFFSET, 3 * 10**9),
            claim("a", Strategy.NATIVE),
            claim("b", Strategy.OFFSET, 10**9),
            claim("h", Strategy.HASH),
            claim("alone", Strategy.NATIVE, account="other"),
        ]
    )
    assert found["a"].number(10**9 - 1) == 10**9 - 1
    with pytest.raises(BadOrder, match="another store of the account, which begin at 1000000000") as caught:
        found["a"].number(10**9)
    assert caught.value.field == "order_id"
    assert found["b"].number(2 * 10**9 - 1) == 3 * 10**9 - 1
    with pytest.raises(BadOrder, match="begin at 3000000000"):
        found["b"].number(2 * 10**9)
    with pytest.raises(BadOrder, match=f"begin at {HASH_START}"):
        found["c"].number(HASH_START)
    assert found["alone"].number(MAX_ORDER_ID) == MAX_ORDER_ID
    two = numberings([claim("a", Strategy.OFFSET, 10**9), claim("h", Strategy.HASH)])
    with pytest.raises(BadOrder, match=f"begin at {HASH_START}"):
        two["a"].number(HASH_START - 10**9)
    assert two["a"].number(HASH_START - 10**9 - 1) == HASH_START - 1


def test_a_store_alone_has_all_64_bits_and_no_more() -> None:
    alone = numberings([claim("a", Strategy.OFFSET, 5)])["a"]
    assert alone.number(MAX_ORDER_ID - 5) == MAX_ORDER_ID
    with pytest.raises(BadOrder, match="beyond 64 bits"):
        alone.number(MAX_ORDER_ID - 4)


def test_a_numbering_is_made_of_what_its_store_says_and_nothing_else() -> None:
    said = Claim(store="a", account="main", strategy=Strategy.NATIVE, offset=7, source="display_id")
    found = numberings([said])["a"]
    assert (found.text, found.number(1)) == ("native from display_id", 1)


@given(
    st.lists(
        st.tuples(st.sampled_from(Strategy), st.integers(1, 5).map(lambda n: n * MIN_DISTANCE)),
        min_size=2,
        max_size=4,
    ),
    st.lists(st.integers(1, 3 * MIN_DISTANCE), min_size=2, max_size=4),
)
def test_whatever_is_accepted_two_stores_never_share_a_number(
    choices: list[tuple[Strategy, int]], ids: list[int]
) -> None:
    claims = [claim(f"store{index}", strategy, offset) for index, (strategy, offset) in enumerate(choices)]
    if collisions(claims):
        return
    owners: dict[int, str] = {}
    for store, numbering in numberings(claims).items():
        for value in ids:
            try:
                number = numbering.number(value)
            except BadOrder:
                continue
            assert owners.setdefault(number, store) == store
