"""sipmesh.signalling.number_forms: numbers in every form, in and out."""

import pytest

from native.sip import Uri
from sipmesh.config import Numbers
from sipmesh.signalling.number_forms import read, read_uri, write, write_uri

UK = Numbers(country="44", sent="national", received="national")
US = Numbers(country="1", national_prefix="1", international_prefix="011", sent="national", received="national")
ITALY = Numbers(country="39", national_prefix="", sent="national", received="national")
PLAIN = Numbers(sent="plain", received="plain")
E164 = Numbers(sent="e164", received="e164")
AS_IS = Numbers()


@pytest.mark.parametrize(
    ("numbers", "theirs", "ours"),
    [
        (UK, "02071838750", "+442071838750"),
        (UK, "0049891234567", "+49891234567"),
        (US, "12125551234", "+12125551234"),
        (US, "011442071838750", "+442071838750"),
        (ITALY, "0669812345", "+390669812345"),
        (ITALY, "00442071838750", "+442071838750"),
        (PLAIN, "442071838750", "+442071838750"),
        (E164, "+442071838750", "+442071838750"),
        (AS_IS, "02071838750", "02071838750"),
        (UK, "112", "112"),
        (PLAIN, "112", "112"),
        (PLAIN, "alice", "alice"),
        (UK, "anonymous", "anonymous"),
    ],
)
def test_there_and_back(numbers: Numbers, theirs: str, ours: str) -> None:
    assert read(theirs, numbers) == ours
    assert write(ours, numbers) == theirs


@pytest.mark.parametrize(
    ("numbers", "theirs", "ours"),
    [
        (UK, "+44 (20) 7183-8750", "+442071838750"),
        (UK, "+4989123", "+4989123"),
        (PLAIN, "+442071838750", "+442071838750"),
        (E164, "442071838750", "442071838750"),
        (UK, "2071838750", "2071838750"),
        (UK, "+44x", "+44x"),
        (UK, "", ""),
        (UK, "1" * 33, "1" * 33),
    ],
)
def test_what_trunks_write_in_more_than_one_way(numbers: Numbers, theirs: str, ours: str) -> None:
    assert read(theirs, numbers) == ours


@pytest.mark.parametrize("number", ["02071838750", "112", "alice", "+44;x"])
def test_what_has_no_country_is_left_alone(number: str) -> None:
    assert [write(number, numbers) for numbers in (UK, PLAIN, E164, AS_IS)] == [number] * 4


@pytest.mark.parametrize(
    ("numbers", "uri", "result"),
    [
        (UK, "sip:+442071838750@gw.example:5070;transport=tcp", "sip:02071838750@gw.example:5070;transport=tcp"),
        (AS_IS, "sip:%2B4420@gw.example", "sip:%2B4420@gw.example"),
        (PLAIN, "sip:%2B442071838750@gw.example", "sip:442071838750@gw.example"),
        (PLAIN, "sips:+442071838750@gw.example", "sips:442071838750@gw.example"),
        (Numbers(uri="user-phone"), "sip:+4420@gw.example", "sip:+4420@gw.example;user=phone"),
        (Numbers(uri="user-phone"), "sip:+4420@gw.example;user=phone", "sip:+4420@gw.example;user=phone"),
        (Numbers(uri="user-phone"), "sip:alice@gw.example", "sip:alice@gw.example"),
        (Numbers(uri="user-phone"), "sip:gw.example", "sip:gw.example"),
        (Numbers(uri="tel"), "sip:+4420@gw.example;transport=tcp", "tel:+4420"),
        (Numbers(uri="tel"), "sip:alice@gw.example", "sip:alice@gw.example"),
        (Numbers(uri="tel"), "sip:112@gw.example", "sip:112@gw.example"),
        (Numbers(uri="tel", country="44"), "sip:112@gw.example", "tel:112;phone-context=+44"),
        (Numbers(uri="tel", country="44", sent="national"), "sip:+442071838750@h", "tel:02071838750;phone-context=+44"),
        (UK, "tel:+442071838750", "tel:02071838750;phone-context=+44"),
        (UK, "mailto:x@y", "mailto:x@y"),
    ],
)
def test_uris_out(numbers: Numbers, uri: str, result: str) -> None:
    assert write_uri(Uri(uri), numbers) == result


@pytest.mark.parametrize(
    ("numbers", "uri", "result"),
    [
        (UK, "sip:02071838750@carrier.example;user=phone", "sip:+442071838750@carrier.example;user=phone"),
        (UK, "tel:02071838750;phone-context=+44", "tel:+442071838750"),
        (UK, "tel:112;phone-context=+44", "tel:112;phone-context=+44"),
        (AS_IS, "tel:+44-20", "tel:+44-20"),
        (UK, "sip:anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid"),
    ],
)
def test_uris_in(numbers: Numbers, uri: str, result: str) -> None:
    assert read_uri(Uri(uri), numbers) == result
