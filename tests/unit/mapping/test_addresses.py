"""Clean text, country codes, state codes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.mapping.addresses import body, clean, one_line, printable, state_code
from connector.model.order import Address
from connector.runtime import exact_json


@pytest.mark.parametrize(
    ("state", "country", "code"),
    [
        ("NY", "US", "NY"),
        ("tx", "US", "TX"),
        ("DE-BE", "DE", "BE"),
        ("JP13", "JP", "13"),
        ("JP-13", "JP", "13"),
        ("DE-BE", "", "DE-BE"),
        ("IN", "IN", "IN"),
        ("INDIANA", "IN", "INDIANA"),
        ("New South Wales", "AU", "New South Wales"),
        ("Île", "FR", "Île"),
        ("", "US", ""),
    ],
)
def test_a_state_is_the_shops_code_without_its_country(state: str, country: str, code: str) -> None:
    assert state_code(state, country) == code


def test_white_space_and_control_characters_go_and_every_alphabet_stays() -> None:
    assert one_line("  Ada \t\n Love\x00lace\x85 ") == "Ada Lovelace"
    assert one_line("مریم‌گل 👩‍🚀 Ōsaka") == "مریم‌گل 👩‍🚀 Ōsaka"
    assert printable(" AB  12\x07 ") == "AB  12"


def test_an_address_is_clean_and_an_unknown_country_left_out() -> None:
    written = Address(first_name=" Ada ", city="Ber\nlin", state_code="DE-BE", country_code="Germany")
    assert clean(written) == Address(first_name="Ada", city="Ber lin", state_code="BE", country_code="DE")
    assert clean(Address(country_code="Atlantis")) == Address()


def test_the_phone_of_an_address_is_cleaned_as_the_orders_is() -> None:
    german = Address(country_code="Deutschland", phone="Tel. 030 23125042")
    assert clean(german).phone == "+493023125042"
    assert clean(Address(phone="030 23125042")).phone == ""
    assert clean(Address(phone="030 23125042"), "DE").phone == "+493023125042"
    assert clean(Address(city="Rome", phone="n/a")) == Address(city="Rome")


def test_what_a_mapping_gives_besides_goes_out_with_the_rest() -> None:
    address = clean(Address(city="Rome", extra={"name": "Ada", "zip": "00184", "floor": 3}))
    assert body(address) == {"city": "Rome", "name": "Ada", "zip": "00184", "floor": 3}
    assert body(clean(Address(extra={"name": "Ada"}))) == {"name": "Ada"}


@given(st.text(alphabet=st.characters(exclude_categories=())))
@example("0 \x1b 0")
def test_any_text_can_be_sent_once_it_is_clean(text: str) -> None:
    exact_json.encode([printable(text), one_line(text)])
    assert one_line(one_line(text)) == one_line(text)
