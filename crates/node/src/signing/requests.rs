//! What operators ask of keys.

use std::sync::Arc;

use dns::Name;
use dnssec::key_file::{parse_private, parse_public};
use journal::shared::Author;
use server::clock::unix_seconds;
use signer::keys::{Origin, Role, ZoneKey, ZoneKeys};
use signer::policy::SigningPolicy;
use signer::timeline::{
    Facts, PlannedStep, Request, Trial, Wanted, Which, confirm_ds, earliest_roll, plan, plan_request,
};

use super::{Signing, SigningError, document, lease};

/// Changes that are prepared again because keys moved on meanwhile.
const MAX_RACES: usize = 8;

/// A key that comes from elsewhere.
pub struct KeyImport {
    /// The private key, in BIND's format or PKCS#8 in PEM.
    pub private: zeroize::Zeroizing<String>,
    /// The public key file beside it; without one the role says what flags the key has.
    pub public: Option<String>,
    /// What it signs.
    pub role: Role,
    /// It is the zone's key already, with the records that the zone brings: it is in use at once.
    pub in_service: bool,
    /// The parent has a DS record for it.
    pub has_ds: bool,
}

/// The timetable of a zone.
#[derive(Debug, Clone)]
pub struct Planned {
    /// From when it counts, in seconds since 1970.
    pub from_s: u64,
    /// Its steps, the earliest first.
    pub steps: Vec<PlannedStep>,
}

impl Signing {
    /// Begins to replace a key, or those of a role, or has a key go.
    ///
    /// # Errors
    /// [`SigningError::NotSigned`], [`SigningError::Timeline`]: it cannot be done now; or it cannot be kept.
    pub fn request(&self, zone: &Name, request: Request, author: &Author) -> Result<(), SigningError> {
        self.change(zone, author, |keys, now_s| Ok(request.apply(keys, now_s)?))
    }

    /// Notes what somebody says of the parent: it has the DS record of the key with this tag, or has withdrawn it.
    ///
    /// # Errors
    /// The same as [`Signing::request`].
    pub fn confirm_ds(&self, zone: &Name, tag: u16, published: bool, author: &Author) -> Result<(), SigningError> {
        self.change(zone, author, |keys, now_s| Ok(confirm_ds(keys, tag, published, now_s)?))
    }

    /// Brings a key in; returns its tag.
    ///
    /// # Errors
    /// It is no key, the zone has another one that could be taken for it, or it cannot be kept.
    pub fn import(&self, zone: &Name, import: &KeyImport, author: &Author) -> Result<u16, SigningError> {
        let unusable = |error: dnssec::key_file::KeyFileError| SigningError::Keys(error.to_string());
        let record = import.public.as_deref().map(parse_public).transpose().map_err(unusable)?;
        let flags = record.as_ref().map_or(import.role.flags(), |record| record.flags);
        let (key, _) = parse_private(&import.private, flags, None).map_err(unusable)?;
        if let Some(record) = &record {
            record.check(&key).map_err(unusable)?;
            if *record.owner != *zone {
                return Err(SigningError::Refused(format!("the key is one of {}, not of {zone}", record.owner)));
            }
        }
        let own = self.parts.cluster.as_ref().map(|cluster| &*cluster.identity().name);
        let document = document::read(&self.parts.settings.state(), zone).document;
        if lease::is_theirs(&document, own) {
            let signer = &document.signer;
            return Err(SigningError::Refused(format!(
                "server {signer} of the cluster signs the zone: bring the key in there"
            )));
        }
        let (tag, policy) = (key.key_tag(), self.policy_of(zone)?);
        let dnskey = key.dnskey_rdata().to_vec();
        self.change(zone, author, |keys, now_s| {
            let mut keys = keys.clone();
            keys.add(match import.in_service {
                true => ZoneKey::in_service(import.role, Origin::Imported, dnskey.clone(), now_s, import.has_ds),
                false => ZoneKey::new(import.role, Origin::Imported, dnskey.clone(), now_s),
            })?;
            self.parts.store().keep(zone, policy.dnskey_ttl_s, &key)?;
            Ok(keys)
        })?;
        Ok(tag)
    }

    /// What will happen to the keys of a zone until a time, in seconds since 1970. With `trial` as if
    /// that were asked for.
    ///
    /// # Errors
    /// [`SigningError::NotSigned`], [`SigningError::Timeline`].
    pub fn plan(&self, zone: &Name, until_s: u64, trial: Option<Trial>) -> Result<Planned, SigningError> {
        let (keys, policy, facts) = self.course(zone)?;
        let from_s = unix_seconds();
        let steps = match trial {
            Some((request, at_s)) => {
                plan_request(&keys, &policy, &facts, (from_s, until_s), (request, at_s.max(from_s)))?
            }
            None => plan(&keys, &policy, &facts, from_s, until_s),
        };
        Ok(Planned { from_s, steps })
    }

    /// When a rollover can begin at the earliest, in seconds since 1970; `None`: not until `until_s`.
    pub fn earliest_roll(&self, zone: &Name, which: Which, until_s: u64) -> Option<u64> {
        let (keys, policy, facts) = self.course(zone).ok()?;
        earliest_roll(&keys, &policy, &facts, (unix_seconds(), until_s), which)
    }

    /// What timetables start from: the keys, the policy that holds for them, and what is known.
    fn course(&self, zone: &Name) -> Result<(ZoneKeys, Arc<SigningPolicy>, Facts), SigningError> {
        let status = self.signed_zone(zone)?;
        let kept = document::read(&self.parts.settings.state(), zone).document;
        let Some(wish) = self.parts.wish(zone)? else { return Err(SigningError::NotSigned(zone.to_owned())) };
        let facts = Facts {
            max_ttl_s: kept.max_ttl_s,
            dnskey_ttl_s: wish.policy.dnskey_ttl_s,
            ds_seen: self.parents.parent(zone).ds_seen(),
            zone_is_signed: status.is_signed,
            wanted: if status.policy.is_empty() { Wanted::Insecure } else { Wanted::Signed },
        };
        let policy = wish.policy_for(&kept.keys);
        Ok((kept.keys, policy, facts))
    }

    fn policy_of(&self, zone: &Name) -> Result<Arc<SigningPolicy>, SigningError> {
        let wish = self.parts.wish(zone)?;
        wish.map(|wish| wish.policy).ok_or_else(|| SigningError::NotSigned(zone.to_owned()))
    }

    /// Changes the keys of a zone, and has the zone looked at.
    fn change(
        &self,
        zone: &Name,
        author: &Author,
        change: impl Fn(&ZoneKeys, u64) -> Result<ZoneKeys, SigningError>,
    ) -> Result<(), SigningError> {
        self.signed_zone(zone)?;
        for attempt in 1.. {
            let kept = document::read(&self.parts.settings.state(), zone);
            let mut document = kept.document;
            document.zone = zone.to_string();
            document.keys = change(&document.keys, unix_seconds())?;
            let written = document::write(&self.parts.settings, zone, kept.version, &document, author);
            match written.map_err(SigningError::from) {
                Ok(_) => break,
                // The keys moved on by themselves meanwhile.
                Err(SigningError::Raced) if attempt < MAX_RACES => {}
                Err(error) => return Err(error),
            }
        }
        self.forget_times();
        self.look();
        Ok(())
    }
}
