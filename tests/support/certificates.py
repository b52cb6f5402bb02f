"""Certificates for a server on this machine, from a certificate authority made for the test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certified:
    """PEM texts: the authority's certificate, and the server's with its key."""

    authority: bytes
    certificate: bytes
    key: bytes


def certify(host: str) -> Certified:
    """A new authority, and a certificate of it for `host` (a name or an address)."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _name("A CA of the tests")
    root = _builder(authority, authority, authority_key.public_key())
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    server = _builder(_name(host), authority, key.public_key())
    server = server.add_extension(x509.SubjectAlternativeName([_host(host)]), critical=False)
    return Certified(
        authority=_pem(root.sign(authority_key, hashes.SHA256())),
        certificate=_pem(server.sign(authority_key, hashes.SHA256())),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    at = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    made = made.serial_number(x509.random_serial_number())
    return made.not_valid_before(at - timedelta(days=1)).not_valid_after(at + timedelta(days=1))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
