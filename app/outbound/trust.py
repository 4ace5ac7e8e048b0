"""Whose certificates this program trusts, for every client that it opens.

It must not know who connects to whom. To load the authorities takes 50 ms of a slow core and a megabyte, so that
clients share them while their files are unchanged.
"""

import os
import ssl
from pathlib import Path

import certifi

_Files = tuple[tuple[str, int, int, int], ...]
_shared: dict[str | None, tuple[_Files, ssl.SSLContext]] = {}


def shared_trust(ca_file: str | None) -> ssl.SSLContext:
    """`trusted_authorities(ca_file)`, loaded again when one of its files has changed.

    Other clients use it too: no caller may change it.
    """
    files = _files(ca_file)
    known = _shared.get(ca_file)
    if known is None or known[0] != files:
        known = _shared[ca_file] = files, trusted_authorities(ca_file)
    return known[1]


def trusted_authorities(ca_file: str | None) -> ssl.SSLContext:
    """A new context that trusts the system's authorities of certificates, the bundled ones, and `ca_file` (PEM).

    SSL_CERT_FILE and SSL_CERT_DIR replace the first two. Raises ValueError when `ca_file` cannot be read or contains no
    certificate.
    """
    context = ssl.create_default_context()
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        context.load_verify_locations(cafile=certifi.where())
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise ValueError(
                f"the CA file {ca_file} cannot be used ({error}): it must contain certificates as PEM"
            ) from error
    return context


def _files(ca_file: str | None) -> _Files:
    """Each path that is read, with what changes with its content."""
    system = ssl.get_default_verify_paths()
    paths = (system.cafile, system.capath, certifi.where(), ca_file)
    return tuple(_state(Path(path)) for path in paths if path is not None)


def _state(path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:  # whoever loads it says so
        return str(path), 0, 0, 0
    return str(path), found.st_ino, found.st_mtime_ns, found.st_size
