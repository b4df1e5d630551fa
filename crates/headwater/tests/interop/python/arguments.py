"""The server to be tested, as the tests name it: ADDRESS PORT ZONE KEY ALGORITHM SECRET."""

import sys
from typing import NamedTuple


class Server(NamedTuple):
    address: str
    port: int
    zone: str
    key: str
    algorithm: str
    secret: str


def server() -> Server:
    address, port, *rest = sys.argv[1:]
    return Server(address, int(port), *rest)


def equal(what, found, wanted):
    """Ends the script with a message unless both are the same."""
    if found != wanted:
        sys.exit(f"{what}: {found!r}, not {wanted!r}")
    print(f"ok {what}")
