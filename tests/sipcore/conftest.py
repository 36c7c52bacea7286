"""Fixtures of the SIP core's tests."""

from __future__ import annotations

import pytest

from interop.certificates import Authority
from sipcore.transport.tls_context import CertificateFiles


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def own(authority: Authority) -> CertificateFiles:
    return authority.issue("own", "DNS:a.test")
