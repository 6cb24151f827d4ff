//! A certificate authority for tests: it issues what a server and a client need, and nothing outlives the test.
//!
//! Promise: whatever an [`Authority`] issues is trusted by whoever trusts its [`Authority::ca_pem`], and by no one else.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// The names that [`Authority::write_to`] puts into the server's certificate. The last is this machine, as a guest of
/// QEMU's user network sees it.
pub const LOOPBACK: [&str; 4] = ["localhost", "127.0.0.1", "::1", "10.0.2.2"];

/// A CA with its key, in memory.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key. Its `Debug` keeps the key to itself.
#[derive(Clone)]
pub struct Issued {
    /// The leaf alone: its issuer is the root.
    pub cert_pem: String,
    /// PKCS #8.
    pub key_pem: String,
}

/// Where [`Authority::write_to`] has put things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    pub ca: PathBuf,
    pub server_cert: PathBuf,
    pub server_key: PathBuf,
    pub client_cert: PathBuf,
    pub client_key: PathBuf,
}

impl Authority {
    /// A new self-signed root with a key of its own.
    pub fn new(common_name: &str) -> io::Result<Authority> {
        let mut params = CertificateParams::new(Vec::new()).map_err(refused)?;
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(refused)?;
        let certificate = params.self_signed(&key).map_err(refused)?;
        Ok(Authority { certificate, issuer: Issuer::new(params, key) })
    }

    /// The root's certificate: what the other side is told to trust.
    pub fn ca_pem(&self) -> String {
        self.certificate.pem()
    }

    /// A server's certificate for these DNS names and IP addresses.
    pub fn server(&self, names: &[&str]) -> io::Result<Issued> {
        self.issue(names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate: the name is its common name and its DNS name.
    pub fn client(&self, name: &str) -> io::Result<Issued> {
        self.issue(&[name], ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// Writes `ca.pem`, `server.pem` and `server.key` (for loopback), `client.pem` and `client.key` into a folder,
    /// which is made if need be. The keys are readable by their owner only.
    pub fn write_to(&self, folder: &Path) -> io::Result<Paths> {
        fs::create_dir_all(folder)?;
        let paths = Paths::of(folder);
        let (server, client) = (self.server(&LOOPBACK)?, self.client("conductor")?);
        for (path, text, mode) in [
            (&paths.ca, self.ca_pem(), 0o644),
            (&paths.server_cert, server.cert_pem, 0o644),
            (&paths.server_key, server.key_pem, 0o600),
            (&paths.client_cert, client.cert_pem, 0o644),
            (&paths.client_key, client.key_pem, 0o600),
        ] {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
            file.write_all(text.as_bytes())?;
        }
        Ok(paths)
    }

    fn issue(&self, names: &[&str], purpose: ExtendedKeyUsagePurpose) -> io::Result<Issued> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let common_name = names.first().cloned().unwrap_or_default();
        let mut params = CertificateParams::new(names).map_err(refused)?;
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().map_err(refused)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(refused)?;
        Ok(Issued { cert_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

impl Paths {
    /// The file names inside a folder, whether they are there or not.
    pub fn of(folder: &Path) -> Paths {
        Paths {
            ca: folder.join("ca.pem"),
            server_cert: folder.join("server.pem"),
            server_key: folder.join("server.key"),
            client_cert: folder.join("client.pem"),
            client_key: folder.join("client.key"),
        }
    }

    /// The server's certificate and key, read back.
    pub fn server(&self) -> io::Result<Issued> {
        Ok(Issued { cert_pem: read(&self.server_cert)?, key_pem: read(&self.server_key)? })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("cert_pem", &self.cert_pem).finish_non_exhaustive()
    }
}

fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path).map_err(|e| {
        let hint = format!("{} can't be read ({e}): make the files with `conductor-sim certs DIR`", path.display());
        io::Error::new(e.kind(), hint)
    })
}

fn refused(error: rcgen::Error) -> io::Error {
    io::Error::other(format!("the certificate can't be made: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_out_of_debug_and_its_file_is_the_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let authority = Authority::new("Test CA").expect("a CA");
        let issued = authority.client("box").expect("a client");
        assert!(issued.key_pem.contains("PRIVATE KEY") && !format!("{issued:?}").contains("PRIVATE KEY"));

        let folder = std::env::temp_dir().join(format!("conductor-sim-ca-{}", std::process::id()));
        let paths = authority.write_to(&folder).expect("written");
        let mode = fs::metadata(&paths.server_key).expect("the key is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(paths.server().expect("read back").cert_pem.contains("BEGIN CERTIFICATE"));
        fs::remove_dir_all(&folder).expect("removed");
        assert!(paths.server().expect_err("gone").to_string().contains("conductor-sim certs DIR"));
    }
}
