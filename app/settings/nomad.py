"""The connection to Nomad, from `[nomad]` and the NOMAD_… variables."""

from app.services.config.reload import content_of, fingerprint
from app.settings.document import NOMAD_ADDRESS, NomadTable
from app.settings.faults import FaultList
from app.settings.values import NomadSettings


def read_nomad(table: NomadTable, faults: FaultList) -> NomadSettings:
    """The connection; a certificate without its key, or a key without its certificate, is a fault."""
    for one, other in (("client_cert", "client_key"), ("client_key", "client_cert")):
        given, missing = getattr(table, one), getattr(table, other)
        if given and not missing and not faults.covers(("nomad", other)):
            faults.add(("nomad", other), f"is missing, although {one} is set", "Set both or neither.")
    files = [path for path in (table.ca_cert, table.client_cert, table.client_key) if path]
    return NomadSettings(
        address=table.address or NOMAD_ADDRESS,
        region=table.region,
        namespace=table.namespace or "default",
        token=table.token,
        token_file=table.token_file,
        http_auth=table.http_auth,
        ca_cert=table.ca_cert,
        ca_path=table.ca_path,
        client_cert=table.client_cert,
        client_key=table.client_key,
        pem_read=fingerprint(*map(content_of, files)) if files else "",
        tls_server_name=table.tls_server_name,
        skip_verify=table.skip_verify,
        vault_token=table.vault_token,
    )
