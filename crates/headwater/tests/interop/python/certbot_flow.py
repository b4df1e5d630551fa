"""certbot's authenticator for RFC 2136, as `certbot --dns-rfc2136` runs it: a TXT record is made, looked up, deleted."""

import os
import tempfile
from types import SimpleNamespace

import dns.message
import dns.query
from certbot_dns_rfc2136._internal.dns_rfc2136 import Authenticator

from arguments import equal, server

SERVER = server()
CREDENTIALS = f"""
dns_rfc2136_server = {SERVER.address}
dns_rfc2136_port = {SERVER.port}
dns_rfc2136_name = {SERVER.key}.
dns_rfc2136_secret = {SERVER.secret}
dns_rfc2136_algorithm = {SERVER.algorithm.upper()}
"""


def found(name):
    query = dns.message.make_query(name, "TXT")
    answer = dns.query.udp(query, SERVER.address, timeout=5, port=SERVER.port)
    return sorted(data.to_text() for rrset in answer.answer for data in rrset)


def main():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "credentials.ini")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(CREDENTIALS)
        config = SimpleNamespace(dns_rfc2136_credentials=path, dns_rfc2136_propagation_seconds=0)
        authenticator = Authenticator(config, "dns-rfc2136")
        authenticator._setup_credentials()
        zone = SERVER.zone.rstrip(".")
        # A certificate for example.org and *.example.org has two challenges of one name.
        for domain in [zone, f"host.deep.{zone}"]:
            name = f"_acme-challenge.{domain}"
            equal(f"{name} before", found(name), [])
            authenticator._perform(domain, name, "first-token")
            authenticator._perform(domain, name, "second-token")
            equal(f"{name} made", found(name), ['"first-token"', '"second-token"'])
            authenticator._cleanup(domain, name, "first-token")
            equal(f"{name} cleaned up once", found(name), ['"second-token"'])
            authenticator._cleanup(domain, name, "second-token")
            equal(f"{name} cleaned up", found(name), [])


main()
