"""The site file's server section as a client's Server; secrets stay where the site file says they are."""

from __future__ import annotations

from fhirtrial.client import BackendServices, Bearer, Secret, Server
from fhirtrial.errors import ConfigError
from fhirtrial.site import Site


def server_of(url: str | None, site: Site) -> Server:
    """`url`, else the site's, with the site's credentials and limits."""
    section = site.server
    address = url or section.url
    if address is None:
        raise ConfigError("server", "no address", "give --server URL, or url under [server] in the site file")
    return Server(
        address,
        auth=_auth(site),
        timeout=(min(10.0, section.timeout), section.timeout),
        verify=section.certificate_authority or True,
        transaction_size=section.transaction_size,
    )


def _auth(site: Site) -> Bearer | BackendServices | None:
    section = site.server
    if section.client_id is not None:
        if section.private_key_file is None or section.key_id is None:
            got = "client_id without private_key_file and key_id"
            raise ConfigError("[server]", got, "name the file with the private key, and the key's id in your JWKS")
        return BackendServices(
            client_id=section.client_id,
            key=Secret(file=section.private_key_file),
            key_id=section.key_id,
            scopes=section.scopes,
        )
    if section.token_env is not None or section.token_file is not None:
        return Bearer(Secret(env=section.token_env, file=section.token_file))
    return None
