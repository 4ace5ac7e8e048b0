"""Whom a client trusts, and when that is loaded."""

import os
import ssl
from pathlib import Path

import pytest

from app.outbound.trust import shared_trust, trusted_authorities
from tests.servers.tls import Certificate


def test_a_private_authority_is_trusted_beside_the_public_ones(certificate: Certificate) -> None:
    public = trusted_authorities(None)
    both = trusted_authorities(str(certificate.ca_file))
    assert both.verify_mode is ssl.CERT_REQUIRED
    assert both.check_hostname
    assert both.cert_store_stats()["x509_ca"] == public.cert_store_stats()["x509_ca"] + 1 > 100


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_ca_file_that_holds_no_certificate_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ValueError, match=r"ca\.pem cannot be used"):
        trusted_authorities(str(file))


def test_clients_share_what_is_loaded(certificate: Certificate) -> None:
    assert shared_trust(None) is shared_trust(None)
    assert shared_trust(str(certificate.ca_file)) is shared_trust(str(certificate.ca_file))
    assert shared_trust(str(certificate.ca_file)) is not shared_trust(None)
    assert trusted_authorities(None) is not trusted_authorities(None)


def test_a_file_that_changed_is_loaded_again(tmp_path: Path, certificate: Certificate) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(certificate.ca_file.read_bytes())
    first = shared_trust(str(file))
    os.utime(file, ns=(1, 1))
    second = shared_trust(str(file))
    assert second is not first
    file.unlink()
    with pytest.raises(ValueError, match=r"ca\.pem cannot be used"):
        shared_trust(str(file))
    file.write_bytes(certificate.ca_file.read_bytes())
    assert shared_trust(str(file)) is not second


def test_the_environment_replaces_the_public_authorities(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = shared_trust(None)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.ca_file))
    monkeypatch.setenv("SSL_CERT_DIR", os.devnull)
    private = shared_trust(None)
    assert private is not public
    assert private.cert_store_stats()["x509_ca"] == 1
