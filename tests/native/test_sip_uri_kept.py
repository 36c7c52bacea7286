"""Uris that are kept by their text."""

from native.sip import Message, Uri, forget_idle_uris


def uri_of(text: str) -> Uri:
    return Message(f"OPTIONS {text} SIP/2.0\r\n\r\n".encode()).request_uri


def test_a_uri_that_comes_again_is_the_same() -> None:
    assert uri_of("sip:often@example.com") is uri_of("sip:often@example.com")


def test_what_nobody_asks_for_is_not_kept() -> None:
    asked, idle = uri_of("sip:asked@example.com"), uri_of("sip:idle@example.com")
    forget_idle_uris()
    assert uri_of("sip:asked@example.com") is asked
    forget_idle_uris()
    assert uri_of("sip:asked@example.com") is asked
    assert uri_of("sip:idle@example.com") is not idle
    assert uri_of("sip:idle@example.com") == idle
