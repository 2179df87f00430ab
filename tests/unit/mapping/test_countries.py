"""Countries as shops print them and buyers type them."""

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.countries import country_code

PRINTED = """
US: US, us, USA, U.S.A., U.S., U. S. A., United States, united  states, United States (US), America, EE.UU.
US: United States of America, Estados Unidos, États-Unis, Vereinigte Staaten, Stati Uniti
GB: UK, U.K., GB, GBR, Great Britain, Scotland, England, Wales, Northern Ireland, United Kingdom (UK)
GB: Royaume-Uni, United Kingdom of Great Britain and Northern Ireland, Großbritannien
GB: Reino Unido, Vereinigtes Königreich
DE: de, DEU, Germany, Deutschland, DEUTSCHLAND, Alemania, Allemagne, Germania, Deutschland (DE), 276
ES: España, Espana, Spain, Spanien
AT: Österreich, Osterreich, OESTERREICH, Austria
CH: Schweiz, Suisse, Svizzera, Switzerland
HK: Hong Kong SAR China, Hong Kong, HongKong, Hong-Kong, Hong Kong SAR, Hong Kong S.A.R., 香港
MO: Macau, Macao, Macao SAR China, Macau SAR China
MM: Myanmar (Burma), Myanmar, Burma
BA: Bosnia & Herzegovina, Bosnia and Herzegovina, Bosnia-Herzegovina, Bosnia Herzegovina
BA: Bosnien & Herzegowina
TT: Trinidad & Tobago, Trinidad and Tobago
AE: UAE, U.A.E., United Arab Emirates
NL: Holland, The Netherlands, Netherlands, Netherlands (the), Nederland, Niederlande, Pays-Bas
CW: Curacao, Curaçao
CI: Cote d'Ivoire, Côte d’Ivoire, Cote D Ivoire, COTE D'IVOIRE, Ivory Coast
XK: XK, XKX, Kosovo
KR: South Korea, Republic of Korea, Korea (South), Korea (Republic of), Südkorea, 대한민국
KP: North Korea, Korea (North), N. Korea
CG: Congo (Brazzaville), Congo - Brazzaville, Congo
CD: Congo (Kinshasa), Congo - Kinshasa, Democratic Republic of the Congo, DR Congo
LC: St. Lucia, St Lucia, Saint Lucia, ST.LUCIA
KN: St. Kitts & Nevis, Saint Kitts and Nevis
VC: St. Vincent & Grenadines, Saint Vincent and the Grenadines
SX: Sint Maarten, Saint Martin (Dutch part)
MF: St. Martin, Saint Martin (French part)
VI: U.S. Virgin Islands, Virgin Islands (US)
VG: British Virgin Islands, Virgin Islands (British)
TR: Turkey, Türkiye, Turkiye, TÜRKİYE
CZ: Czech Republic, Czechia, Česko, Česká republika
RU: Russia, Russian Federation, Россия
VN: Vietnam, Viet Nam, Việt Nam
IR: Iran, Iran (Islamic Republic of)
TW: Taiwan, 台灣, 台湾, China (Taiwan)
JP: 日本, Japan, ＪＰ
GR: EL, Greece, Ελλάδα
RO: ROM, România
GM: The Gambia, Gambia
NA: NA, Namibia
MK: North Macedonia, Macedonia
"""
NAMES = [
    (name.strip(), code)
    for code, _, names in (line.partition(":") for line in PRINTED.split("\n") if line)
    for name in names.split(",")
]


@pytest.mark.parametrize(("name", "code"), [*NAMES, ("Korea, Republic of", "KR"), ("Gambia, The", "GM")])
def test_a_country_is_known_by_its_codes_and_names_as_shops_print_them(name: str, code: str) -> None:
    assert country_code(name) == code


@pytest.mark.parametrize(
    "text", ["", " ", "?", "-", "N/A", "n.a.", "none", "Atlantis", "Virgin Islands", "Kongo", "x" * 500]
)
def test_what_is_no_country_or_could_be_two_is_none(text: str) -> None:
    assert country_code(text) == ""


def test_every_name_and_code_of_iso_3166_is_its_own_country() -> None:
    for country in pycountry.countries:
        for text in (country.alpha_2, country.alpha_3, country.numeric, country.name, country.name.upper()):
            assert country_code(text) == country.alpha_2


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_is_a_country_or_none(text: str) -> None:
    assert country_code(text) == "" or len(country_code(text)) == 2
