//! Certificates for a broker and its clients.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// Files of certificates and keys.
pub struct Certificates(PathBuf);

impl Certificates {
    /// Makes them in `directory`: an authority, `broker.pem` for 127.0.0.1 and nothing else, one for a client, and another
    /// authority, which knows none of them.
    pub fn make(directory: &Path) -> Certificates {
        std::fs::create_dir_all(directory).expect("a directory");
        let certificates = Certificates(directory.to_owned());
        let ours = authority("ours");
        certificates.write("ca.pem", &ours.pem());
        certificates.write("other.pem", &authority("another").pem());
        let (certificate, key) = certify(&ours, "127.0.0.1");
        certificates.write("broker.pem", &(key + &certificate));
        let (certificate, key) = certify(&ours, "client.test");
        certificates.write("client.pem", &certificate);
        certificates.write("client.key", &key);
        certificates
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    /// Where the file `name` is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.0
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

/// Certificate and key for a name or an address.
fn certify(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (String, String) {
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, authority).expect("a certificate").pem(), key.serialize_pem())
}
