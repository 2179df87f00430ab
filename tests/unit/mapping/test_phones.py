"""Free text becomes E.164 only when it is certainly one phone number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.phones import e164, is_region


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("(212) 555-0142", "US", "+12125550142"),
        ("12125550145", "US", "+12125550145"),
        ("+1 (514) 555-0199", "", "+15145550199"),
        ("+33 (0)1.99.00.12.35", "US", "+33199001235"),
        ("+44 (0)20 7946 0123", "GB", "+442079460123"),
        ("0049 30 23125 043", "DE", "+493023125043"),
        ("030/23125-042", "DE", "+493023125042"),
        ("+49 (0) 151 / 5555 0199", "DE", "+4915155550199"),
        ("91-22-5555-0199", "IN", "+912255550199"),
        ("Tel.: 030 23125042", "DE", "+493023125042"),
        ("N/A, 212 555 0144", "US", "+12125550144"),
        ("０３-５５５５-０１９９", "JP", "+81355550199"),
        ("\u200e03 555 0125\u200f", "IL", "+97235550125"),
        ("+97\u202c2 3 555\u200e 0124", "", "+97235550124"),
    ],
)
def test_numbers_as_buyers_write_them_become_e164(text: str, region: str, number: str) -> None:
    assert e164(text, region) == number


@pytest.mark.parametrize(
    "text", ["", " ", "N/A", "(0)", "-", "none", "+", "/", "😀", "000", "911", "1" * 300]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert e164(text, "US") is None


def test_a_national_number_without_a_region_is_none() -> None:
    assert e164("(212) 555-0142", "") is None
    assert e164("(212) 555-0142", "XX") is None


@pytest.mark.parametrize(
    ("text", "region"),
    [("5551234567", "US"), ("+15555550100", ""), ("111999222", "PL"), ("07700 900123", "GB")],
)
def test_a_number_that_is_possible_but_not_assigned_is_none(text: str, region: str) -> None:
    assert e164(text, region) is None


@pytest.mark.parametrize("text", ["1-800-EXAMPLE", "call 1-800-EXAMPLE", "1-800-FLOWERS ext. 5"])
def test_words_dialled_on_the_keypad_are_none(text: str) -> None:
    assert e164(text, "US") is None


@pytest.mark.parametrize("text", ["+1 212.555.0143 ext. 5", "212-555-0143 x5", "2125550143;5"])
def test_an_extension_is_dropped(text: str) -> None:
    assert e164(text, "US") == "+12125550143"


@pytest.mark.parametrize(
    "text",
    [
        "022 5555 0197 / 022 5555 0196",
        "022 5555 0197, 022 5555 0196",
        "+91 22 5555 0197; +91 22 5555 0196",
        "022 5555 0197\n022 5555 0196",
    ],
)
def test_of_two_complete_numbers_the_first_counts(text: str) -> None:
    assert e164(text, "IN") == "+912255550197"


@pytest.mark.parametrize(
    ("text", "region"),
    [("0221 12345 / 6789", "DE"), ("212 555 0144 / 45", "US")],
)
def test_where_two_readings_differ_none_counts(text: str, region: str) -> None:
    assert e164(text, region) is None


MEXICO = "+525512345678"


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+52 1 55 1234 5678", "", MEXICO),
        ("+5215512345678", "US", MEXICO),
        ("52 1 55 1234 5678", "MX", MEXICO),
        ("0052 1 55 1234 5678", "MX", MEXICO),
        ("044 55 1234 5678", "MX", MEXICO),
        ("(045) 55-1234-5678", "MX", MEXICO),
        ("01 (55) 1234-5678", "MX", MEXICO),
        ("+52 01 55 1234 5678", "", MEXICO),
        ("+52 044 55 1234 5678", "", MEXICO),
        ("55 1234 5678", "MX", MEXICO),
        ("(11) 8765-4321", "BR", "+5511987654321"),
        ("+55 11 3765-4321", "", "+551137654321"),
        ("09 8765 4321", "CL", "+56987654321"),
        ("+57 1 2345678", "", "+576012345678"),
        ("03 300 1234567", "CO", "+573001234567"),
        ("0168 345 6789", "VN", "+84383456789"),
        ("+84 123 456 7890", "", "+84834567890"),
        ("+225 07 12 34 56", "", "+2250707123456"),
        ("97 12 34 56", "BJ", "+2290197123456"),
        ("8 (044) 234-56-78", "UA", "+380442345678"),
        ("011 15 2345 6789", "AR", "+5491123456789"),
        ("+54 9 11 2345 6789", "", "+5491123456789"),
        ("+351 (0) 912 345 678", "", "+351912345678"),
    ],
)
def test_forms_that_a_country_has_given_up_become_todays(text: str, region: str, number: str) -> None:
    assert e164(text, region) == number


@pytest.mark.parametrize(
    ("text", "region"),
    [("1 551 234 5678", "MX"), ("044 55 1234 567", "MX"), ("15 2345 6789", "AR"), ("8 044 234 567", "UA")],
)
def test_a_form_that_could_be_another_number_is_none(text: str, region: str) -> None:
    assert e164(text, region) is None


def test_regions_are_countries_with_numbers_of_their_own() -> None:
    assert is_region("DE")
    assert not is_region("XX")
    assert not is_region("de")


@given(st.text(), st.sampled_from(["", "US", "DE", "IN", "XX", "??"]))
def test_any_text_is_a_number_or_none(text: str, region: str) -> None:
    number = e164(text, region)
    assert number is None or (number.startswith("+") and number[1:].isdigit())
