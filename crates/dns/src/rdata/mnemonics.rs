//! Numbers in record data that have names. The table of types refers to these lists.

/// The names of some values of a field. Input takes any of them, case ignored.
#[derive(Debug, PartialEq, Eq)]
pub struct Mnemonics {
    /// Value and name; where a value has several names, the first is the one that is printed.
    pub list: &'static [(u16, &'static str)],
    /// Whether the text form is printed with the name instead of the number.
    pub printed: bool,
}

impl Mnemonics {
    /// The value that `text` names.
    pub fn value(&self, text: &[u8]) -> Option<u16> {
        self.list.iter().find(|(_, name)| text.eq_ignore_ascii_case(name.as_bytes())).map(|(value, _)| *value)
    }

    /// The name of `value`.
    pub fn name(&self, value: u16) -> Option<&'static str> {
        self.list.iter().find(|(number, _)| *number == value).map(|(_, name)| *name)
    }
}

/// DNS security algorithms (RFC 4034 A.1, IANA "DNS Security Algorithm Numbers").
pub static ALGORITHMS: Mnemonics = Mnemonics { list: ALGORITHM_LIST, printed: false };

/// The same in CERT records, which are printed with names (RFC 4398 2.2).
pub static CERT_ALGORITHMS: Mnemonics = Mnemonics { list: ALGORITHM_LIST, printed: true };

const ALGORITHM_LIST: &[(u16, &str)] = &[
    (1, "RSAMD5"),
    (2, "DH"),
    (3, "DSA"),
    (4, "ECC"),
    (5, "RSASHA1"),
    (6, "DSA-NSEC3-SHA1"),
    (6, "NSEC3DSA"),
    (7, "RSASHA1-NSEC3-SHA1"),
    (7, "NSEC3RSASHA1"),
    (8, "RSASHA256"),
    (10, "RSASHA512"),
    (12, "ECC-GOST"),
    (12, "ECCGOST"),
    (13, "ECDSAP256SHA256"),
    (14, "ECDSAP384SHA384"),
    (15, "ED25519"),
    (16, "ED448"),
    (252, "INDIRECT"),
    (253, "PRIVATEDNS"),
    (254, "PRIVATEOID"),
];

/// Certificate types (RFC 4398 2.1).
pub static CERT_TYPES: Mnemonics = Mnemonics {
    list: &[
        (1, "PKIX"),
        (2, "SPKI"),
        (3, "PGP"),
        (4, "IPKIX"),
        (5, "ISPKI"),
        (6, "IPGP"),
        (7, "ACPKIX"),
        (8, "IACPKIX"),
        (253, "URI"),
        (254, "OID"),
    ],
    printed: true,
};

/// Protocols above IP that WKS records name (IANA "Assigned Internet Protocol Numbers").
pub static IP_PROTOCOLS: Mnemonics = Mnemonics {
    list: &[(1, "ICMP"), (6, "TCP"), (17, "UDP"), (33, "DCCP"), (132, "SCTP"), (136, "UDPLITE")],
    printed: false,
};

/// Protocols of KEY records (RFC 2535 3.1.3).
pub static KEY_PROTOCOLS: Mnemonics = Mnemonics {
    list: &[(0, "NONE"), (1, "TLS"), (2, "EMAIL"), (3, "DNSSEC"), (4, "IPSEC"), (255, "ALL")],
    printed: false,
};

/// TLSA certificate usages (RFC 7218 2.1).
pub static TLSA_USAGES: Mnemonics = Mnemonics {
    list: &[(0, "PKIX-TA"), (1, "PKIX-EE"), (2, "DANE-TA"), (3, "DANE-EE"), (255, "PrivCert")],
    printed: false,
};

/// TLSA selectors (RFC 7218 2.2).
pub static TLSA_SELECTORS: Mnemonics =
    Mnemonics { list: &[(0, "Cert"), (1, "SPKI"), (255, "PrivSel")], printed: false };

/// TLSA matching types (RFC 7218 2.3).
pub static TLSA_MATCHING: Mnemonics =
    Mnemonics { list: &[(0, "Full"), (1, "SHA2-256"), (2, "SHA2-512"), (255, "PrivMatch")], printed: false };

/// Schemes of DSYNC records (RFC 9859 2.1).
pub static DSYNC_SCHEMES: Mnemonics = Mnemonics { list: &[(1, "NOTIFY")], printed: true };
