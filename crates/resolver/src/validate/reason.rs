//! Words for what is wrong: INFO-CODE and EXTRA-TEXT (RFC 8914) that name the RRset, the key and the date.

use dns::edns::ede;
use dns::rdata::typed::Rrsig;
use dns::{Name, RType, serial};
use dnssec::algorithm::Algorithm;
use dnssec::verify::VerifyError;

use super::Failure;

/// How much an error says; that of the signature that came farthest is told.
pub(super) fn rank(error: VerifyError) -> u8 {
    match error {
        VerifyError::OverBudget => 7,
        VerifyError::Expired | VerifyError::NotYetValid | VerifyError::ExpirationBeforeInception => 6,
        VerifyError::BadSignature => 5,
        VerifyError::KeyMismatch => 4,
        VerifyError::UnsupportedAlgorithm => 3,
        VerifyError::TooManyLabels => 2,
        VerifyError::SignerMismatch => 1,
        VerifyError::WrongType | VerifyError::Malformed => 0,
    }
}

/// A signature of an RRset that did not stand.
pub(super) fn bad_signature(owner: &Name, rtype: RType, zone: &Name, rrsig: &[u8], error: VerifyError) -> Failure {
    let Some(rrsig) = Rrsig::parse(rrsig) else {
        return Failure::data(ede::DNSSEC_BOGUS, format!("{rtype} of {owner}: malformed signature"));
    };
    let signer = rrsig.signer.to_canonical();
    let by = format!("{rtype} of {owner}: signature of key {} of {signer}", rrsig.key_tag);
    let (code, text) = match error {
        VerifyError::OverBudget => {
            return Failure::limit(format!("{rtype} of {owner}: limit of signature verifications reached"));
        }
        VerifyError::Expired => (ede::SIGNATURE_EXPIRED, format!("{by} expired on {}", date(rrsig.expiration))),
        VerifyError::NotYetValid => {
            (ede::SIGNATURE_NOT_YET_VALID, format!("{by} is not valid before {}", date(rrsig.inception)))
        }
        VerifyError::ExpirationBeforeInception => (
            ede::SIGNATURE_EXPIRED_BEFORE_VALID,
            format!("{by} expires on {}, before its inception on {}", date(rrsig.expiration), date(rrsig.inception)),
        ),
        VerifyError::BadSignature => (ede::DNSSEC_BOGUS, format!("{by} does not fit the data")),
        VerifyError::KeyMismatch => (ede::DNSSEC_BOGUS, format!("{by}: {zone} has no such trusted key")),
        VerifyError::UnsupportedAlgorithm => {
            (ede::DNSSEC_BOGUS, format!("{by}: unsupported algorithm {}", Algorithm(rrsig.algorithm)))
        }
        VerifyError::SignerMismatch => (ede::DNSSEC_BOGUS, format!("{by}, not of {zone}")),
        VerifyError::TooManyLabels | VerifyError::WrongType | VerifyError::Malformed => {
            (ede::DNSSEC_BOGUS, format!("{by}: {error}"))
        }
    };
    Failure::data(code, text)
}

/// A moment as people write it.
fn date(moment: u32) -> String {
    let (day, second) = (serial::of_day(moment.into()) / 100, moment % 86400);
    let (year, month, day) = (day / 10_000, day / 100 % 100, day % 100);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(1_767_323_045), "2026-01-02 03:04:05 UTC");
    }
}
