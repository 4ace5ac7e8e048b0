"""A throw-away certificate authority and a certificate of it for this machine, as files."""

from dataclasses import dataclass
from pathlib import Path

import trustme

NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """PEM files: the authority that clients trust, the server's chain and its key."""

    ca_file: Path
    chain_file: Path
    key_file: Path


def issue(directory: Path, *names: str) -> Certificate:
    """Issue a certificate for the names (this machine's when none is given) by an authority of its own."""
    authority = trustme.CA()
    leaf = authority.issue_cert(*(names or NAMES))
    made = Certificate(
        ca_file=directory / "ca.pem", chain_file=directory / "server.pem", key_file=directory / "server.key"
    )
    authority.cert_pem.write_to_path(str(made.ca_file))
    for number, part in enumerate(leaf.cert_chain_pems):
        part.write_to_path(str(made.chain_file), append=number > 0)
    leaf.private_key_pem.write_to_path(str(made.key_file))
    return made
