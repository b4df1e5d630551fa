"""dnspython as a client: updates, AXFR and IXFR with TSIG, and messages that are wrong."""

import socket
import struct
import time
from unittest import mock

import dns.query
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update
import dns.versioned
import dns.xfr

from arguments import equal, server

SERVER = server()
KEYS = dns.tsigkeyring.from_text({SERVER.key: (SERVER.algorithm, SERVER.secret)})
# So many records take several messages of a transfer.
RECORDS = 3000
BATCH = 500


def update(keys=KEYS):
    return dns.update.UpdateMessage(SERVER.zone, keyring=keys)


def send(message, ask=dns.query.tcp):
    answer = ask(message, SERVER.address, timeout=10, port=SERVER.port)
    if message.keyring and not answer.had_tsig:
        return "unsigned"
    return dns.rcode.to_text(answer.rcode())


def error_of(keys, ask=dns.query.tcp):
    message = update(keys)
    message.add("wrong", 60, "A", "192.0.2.1")
    try:
        return send(message, ask)
    except Exception as error:
        return type(error).__name__


def transfer(zone, mode=dns.query.UDPMode.NEVER):
    """Brings `zone` up to date: by AXFR if it is empty, else by IXFR."""
    query, _ = dns.xfr.make_query(zone, keyring=KEYS)
    dns.query.inbound_xfr(SERVER.address, zone, query, port=SERVER.port, timeout=10, udp_mode=mode)
    with zone.reader():
        return {(str(name), rdata.to_text()) for name, _, rdata in zone.iterate_rdatas() if rdata.rdtype != 6}


def updates():
    for ask in [dns.query.tcp, dns.query.udp]:
        message = update()
        message.add("www", 300, "A", "192.0.2.1")
        equal(f"add over {ask.__name__}", send(message, ask), "NOERROR")
        message = update()
        message.present("www", "A")
        message.present("www", "A", "192.0.2.1")
        message.absent("nobody")
        message.absent("www", "AAAA")
        message.replace("www", 300, "A", "192.0.2.2")
        equal("replace, if", send(message, ask), "NOERROR")
        message = update()
        message.absent("www")
        message.add("www", 300, "A", "192.0.2.3")
        equal("add, unless", send(message, ask), "YXDOMAIN")
        message = update()
        message.present("www", "A", "192.0.2.1")
        message.delete("www")
        equal("delete, if another", send(message, ask), "NXRRSET")
        message = update()
        message.delete("www", "A", "192.0.2.2")
        equal("delete", send(message, ask), "NOERROR")


def transfers():
    for start in range(0, RECORDS, BATCH):
        message = update()
        for n in range(start, start + BATCH):
            message.add(f"n{n}", 300, "TXT", f'"record {n} of those that fill several messages"')
        equal(f"add {BATCH}", send(message), "NOERROR")
    zones = {mode: dns.versioned.Zone(SERVER.zone) for mode in [dns.query.UDPMode.TRY_FIRST, dns.query.UDPMode.NEVER]}
    for zone in zones.values():
        equal("AXFR", len(transfer(zone)), RECORDS + 1)
    old = serial(zone)
    for n in range(3):
        message = update()
        message.delete(f"n{n}")
        message.add(f"new{n}", 60 + n, "A", f"192.0.2.{n}")
        equal("change", send(message), "NOERROR")
    for mode, zone in zones.items():
        after = transfer(zone, mode)
        equal(f"IXFR, {mode.name}", after, transfer(dns.versioned.Zone(SERVER.zone)))
    equal("IXFR brought the change", ("new2", "192.0.2.2") in after and not any(n == "n0" for n, _ in after), True)
    records = xfr("IXFR", serial=old)
    soas = sum(len(rrset) for rrset in records if rrset.rdtype == 6)
    equal("IXFR is a difference", (soas >= 4, len(records) < 30), (True, True))
    whole = sum(len(rrset) for rrset in xfr("AXFR"))
    # Two times SOA, and NS.
    equal("AXFR by the older function", whole, RECORDS + 3)


def xfr(kind, **options):
    """All RRsets of a transfer, in order."""
    options |= {"keyring": KEYS, "keyname": SERVER.key, "keyalgorithm": dns.name.from_text(SERVER.algorithm)}
    messages = dns.query.xfr(SERVER.address, SERVER.zone, kind, port=SERVER.port, timeout=10, **options)
    return [rrset for message in messages for rrset in message.answer]


def serial(zone):
    with zone.reader() as reader:
        return reader.get("@", "SOA")[0].serial


def refusals():
    stranger = dns.tsigkeyring.from_text({"stranger": (SERVER.algorithm, SERVER.secret)})
    forger = dns.tsigkeyring.from_text({SERVER.key: (SERVER.algorithm, "Zm9yZ2VkIGZvcmdlZCBmb3JnZWQ=")})
    other = "hmac-sha384"
    mistaken = dns.tsigkeyring.from_text({SERVER.key: (other, SERVER.secret)})
    for ask in [dns.query.tcp, dns.query.udp]:
        equal("no key", error_of(None, ask), "REFUSED")
        equal("unknown key", error_of(stranger, ask), "PeerBadKey")
        equal("forged signature", error_of(forger, ask), "PeerBadSignature")
        equal("another algorithm", error_of(mistaken, ask), "PeerBadKey")
        real = time.time
        for late in [-3600, 3600]:
            with mock.patch("time.time", lambda: real() + late):
                # The answer is signed with the server's time, which this client takes for wrong in turn.
                equal("wrong time", error_of(KEYS, ask) in ["PeerBadTime", "BadTime"], True)
        equal("the right one still", error_of(KEYS, ask), "NOERROR")


def raw(change):
    """The response code of an update that was changed in its octets, unsigned."""
    message = update(None)
    message.add("raw", 60, "A", "192.0.2.1")
    octets = bytearray(message.to_wire())
    change(octets)
    with socket.create_connection((SERVER.address, SERVER.port), timeout=10) as stream, stream.makefile("rb") as answer:
        stream.sendall(struct.pack("!H", len(octets)) + octets)
        (length,) = struct.unpack("!H", answer.read(2))
        return dns.rcode.to_text(answer.read(length)[3] & 15)


def malformed():
    zone_end = 12 + len(dns.name.from_text(SERVER.zone).to_wire())

    def set_at(at, value):
        def change(octets):
            octets[at : at + len(value)] = value

        return change

    equal("zone section asks for A", raw(set_at(zone_end, b"\x00\x01")), "FORMERR")
    equal("zone section of two", raw(set_at(4, b"\x00\x02")), "FORMERR")
    equal("a count too many", raw(set_at(8, b"\x00\x02")), "FORMERR")
    equal("cut off", raw(lambda octets: octets.__delitem__(slice(-1, None))), "FORMERR")


updates()
transfers()
refusals()
malformed()
