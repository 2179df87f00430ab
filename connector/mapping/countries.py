"""Countries as shops and buyers write them: codes, names in many languages, everyday names. Pure.

Names are those of ISO 3166 (pycountry) and of Unicode's CLDR (babel), which Shopify and Magento print. They
are compared by their words, in any order, without accents, dots and little words: ``Bosnia & Herzegovina``,
``Korea, Republic of`` and ``ST. LUCIA`` are found. A name that two countries could mean is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

import pycountry

_LONGEST = 100
_PARENTHESES = re.compile(r"\([^()]*\)")
_APART = re.compile(r"[^\w]+")
_INITIALS = re.compile(r"\b[a-z](?:\. ?[a-z])+\b\.?")  # U.K., U. S. A., S.A.R.
_SPACED = re.compile(r"[a-z](?: [a-z]){1,3}")  # U S A
_NOTHING = frozenset(("n.a.", "n.a", "n. a.", "n a"))  # not available, while NA is Namibia
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})

# Words that names are written with and without: the, and, of, in the languages below.
_LITTLE_WORDS = (
    "the and of und et y e i a ed en og och ja si da de del della des du do di la le les el den der die s"
)
_LITTLE = frozenset(_LITTLE_WORDS.split())

# Two letters are ISO 3166 but for these; the three are not ISO's, but in use.
_CODES = {
    "uk": "GB",
    "el": "GR",
    "xkx": "XK",
    "rks": "XK",
    "rom": "RO",
    "uae": "AE",
    "ksa": "SA",
    "prc": "CN",
}
_CODES |= dict.fromkeys(("eng", "sct", "sco", "wal", "wls", "nir"), "GB")

# Everyday names that neither ISO 3166 nor CLDR has, and what WooCommerce, Shopify and Odoo call some.
_EVERYDAY = """
AE Emirates | Emiratos Arabes | VAE
BL St. Barts | St. Barth
BQ Bonaire | Saba | Sint Eustatius | Saint Eustatius | BES Islands | Bonaire, St Eustatius, Saba
BY Belorussia | Byelorussia | Weißrussland | Biélorussie | Wit-Rusland
CD DR Congo | D.R. Congo | DRC | Zaire | Congo DRC | Democratic Congo
CI Ivory Coast | Cote dIvoire | Elfenbeinküste
CN Mainland China | P.R. China | PR of China | VR China | China Mainland
CV Cape Verde
CZ Czech Republic | Czechia | Česká republika | Tschechische Republik | République tchèque
DE BRD | Bundesrepublik Deutschland | FR Germany | West Germany
FK Islas Malvinas | Falklands
FM Micronesia
GB Great Britain | Britain | England | Scotland | Wales | Northern Ireland | Ireland Northern
GB Großbritannien | Grande-Bretagne | Gran Bretaña | Gran Bretagna | Groot-Brittannië | Inglaterra
GB Angleterre | Inghilterra | Engeland | Schottland | Écosse | Escocia | Anglia | Storbritannien
GB Wielka Brytania | Velká Británie | Great Britain and Northern Ireland | United Kingdom Great Britain
GB United Kingdom of Great Britain
GR Hellas | Hellenic Republic
HK Hong Kong | HongKong | Hong Kong SAR | Hong Kong SAR PRC | Hong Kong China | 香港
IE Republic of Ireland | Eire | Southern Ireland | Irish Republic
KN St. Kitts
KP North Korea | Korea North | N. Korea | DPRK
KR Republic of Korea | Korea South | South Korea
LA Laos
LY Libyan Arab Jamahiriya
MF Saint Martin | St. Martin | Saint Martin (French part)
MK Macedonia | FYROM | Macedonia, the former Yugoslav Republic of | FYR Macedonia
MM Burma | Birma | Birmanie | Birmania
MO Macau | Macao | Macau SAR | Macao SAR | Macau China | Macao China | Macau SAR China | 澳門 | 澳门
NL Holland | Netherlands | Holanda | Hollande | Olanda | Hollandia | Niederlande
PN Pitcairn
PS Palestine | Palestinian Territory | Palestinian Territories | West Bank | Gaza
PW Belau
RU Russia | Russian Federation | Rossiya
SA السعودية | KSA
SH Saint Helena
SK Slovak Republic | Slovenská republika
SX Sint Maarten | Saint Martin (Dutch part) | St. Maarten
SY Syria
SZ Swaziland
TC Turks and Caicos | Turks & Caicos Isl.
TL East Timor
TR Turkey | Turkiye
TW Taiwan | Taiwan ROC | Taiwan R.O.C. | China (Taiwan) | Republic of China | Taiwan China
UM USA Minor Outlying Islands | United States (US) Minor Outlying Islands | U.S. Outlying Islands
US America | U.S. of America | United States America | The States | EE.UU. | EEUU | EUA
US Vereinigte Staaten von Amerika | Estados Unidos de América | États-Unis d'Amérique
US Stati Uniti d'America | Verenigde Staten van Amerika
VA Vatican | Holy See | Vatican City State
VC St. Vincent
VG British Virgin Islands | Virgin Islands British | Virgin Islands UK | BVI
VI US Virgin Islands | Virgin Islands US | Virgin Islands USA | United States Virgin Islands | USVI
VN Vietnam | Viet Nam
WS Western Samoa
XK Kosovo | Kosova | Republic of Kosovo
"""

_LANGUAGES = """
de fr es it pt nl pl cs sk sl hr sr sr_Latn bs hu ro bg el da sv nb nn no fi is et lv lt ru uk be tr
ar he fa hi bn ta ur th vi id ms ja ko zh zh_Hant zh_Hant_HK ca eu gl ga gd cy mt sq mk hy ka az kk
uz lb rm fo af sw fil pt_PT es_MX es_AR fr_CA de_CH de_AT en_GB en_IN
"""


_NO_COUNTRIES = frozenset(("EU", "EZ", "UN", "ZZ", "QO", "XA", "XB"))


@lru_cache(maxsize=512)
def country_code(text: str) -> str:
    """The ISO 3166 alpha-2 code for a code (two or three letters) or a name; empty if unknown.

    Two letters are taken as they are, so that user-assigned codes pass.
    """
    name = _folded(text[:_LONGEST])
    code = name.upper()
    if name in _CODES:
        return _CODES[name]
    if len(code) == 2 and code.isascii() and code.isalpha():
        return code
    for names in (_english, _local):  # the second is built when a name is not English, and few are
        for spelling in (name, _folded(_PARENTHESES.sub(" ", text[:_LONGEST]))):
            if found := names().get(_key(spelling)):
                return found
    return ""


def _folded(text: str) -> str:
    """Words in lower case, without accents and signs; ``U.K.`` and ``U. K.`` are ``uk``."""
    plain = unicodedata.normalize("NFKD", text.strip().casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c) and unicodedata.category(c) != "Cf")
    if plain in _NOTHING:
        return ""
    if _SPACED.fullmatch(plain):
        return plain.replace(" ", "")
    plain = _INITIALS.sub(lambda found: re.sub(r"\W", "", found[0]), plain)
    return _APART.sub(" ", plain.replace("_", " ")).strip()


def _key(name: str) -> str:
    """Names with the same words are one name; ``st`` is ``saint``."""
    words = {"saint" if word in ("st", "ste", "sainte") else word for word in name.split()}
    return " ".join(sorted(words - _LITTLE)) or name


@cache
def _english() -> dict[str, str]:
    """ISO's codes and names, CLDR's English ones, and the everyday names, which overrule them."""
    names: dict[str, str] = {}
    for country in pycountry.countries:
        own = [country.name, getattr(country, "official_name", ""), getattr(country, "common_name", "")]
        for text in (country.alpha_3, country.numeric, *own, *(_PARENTHESES.sub(" ", name) for name in own)):
            names.setdefault(_key(_folded(text)), country.alpha_2)
    for text, code in _cldr("en"):
        names.setdefault(_key(_folded(text)), code)
    for line in _EVERYDAY.split("\n"):
        code, _, texts = line.partition(" ")
        names |= {_key(_folded(text)): code for text in texts.split("|")}
    names.pop("", None)
    return names


@cache
def _local() -> dict[str, str]:
    """CLDR's names in the languages of shops; a name of two countries (``Kongo``) is left out."""
    names: dict[str, str] = {}
    for language in _LANGUAGES.split():
        for text, code in _cldr(language):
            key = _key(_folded(text))
            names[key] = code if names.get(key, code) == code else ""
    return names


def _cldr(language: str) -> Iterator[tuple[str, str]]:
    """Name and code of each country. Loaded here: few stores need it, and it is much.

    The package keeps every language whole that it ever read, a megabyte each: that is given back.
    """
    from babel import localedata

    if not localedata.exists(language):
        return
    territories: Iterable[tuple[str, str]] = list(localedata.load(language)["territories"].items())
    localedata._cache.clear()
    for code, name in territories:
        if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES:
            yield name, code
            if language.startswith("de"):
                yield name.translate(_UMLAUTS), code
