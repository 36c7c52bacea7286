"""The SIP domains of a certificate (RFC 5922 section 7.1)."""

from __future__ import annotations

from typing import Any

import pytest

from sipcore.transport.tls_context import identities_of

SUBJECT = ((("countryName", "DE"),), (("commonName", "Cn.Test"),))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([("DNS", "A.test"), ("DNS", "b.test")], {"a.test", "b.test"}),
        ([("DNS", "a.test"), ("URI", "sip:B.test")], {"b.test"}),
        ([("URI", "SIP:a.test:5061;transport=tls"), ("URI", "sip:c.test?x=y")], {"a.test", "c.test"}),
        ([("URI", "sip:[2001:db8::1]:5061")], {"2001:db8::1"}),
        ([("URI", "sip:alice@a.test"), ("DNS", "b.test")], {"b.test"}),
        ([("URI", "sips:a.test"), ("URI", "https://a.test")], set()),
        ([("IP Address", "192.0.2.1"), ("email", "x@a.test")], set()),
        ([("DNS", "*.a.test")], {"*.a.test"}),
        ([], {"cn.test"}),
    ],
)
def test_which_names_count(names: list[tuple[str, str]], expected: set[str]) -> None:
    certificate: dict[str, Any] = {"subject": SUBJECT}
    if names:
        certificate["subjectAltName"] = tuple(names)
    assert identities_of(certificate) == expected


@pytest.mark.parametrize("certificate", [None, {}])
def test_no_certificate_no_identity(certificate: dict[str, Any] | None) -> None:
    assert identities_of(certificate) == frozenset()
