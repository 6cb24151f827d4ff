//! Update bundles, and who may sign them.
//!
//! Without keys of the operator's own, a CA for tests is made under `target/image/keys`, once. What it signed is taken only by
//! images that were built with it.
//!
//! Promise: a bundle names its architecture and its version, and is signed; a private key is readable by its owner only.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::boot;
use super::layout::Architecture;
use crate::commands;

/// A signer, and the CA that its certificate comes from.
#[derive(Clone, Debug)]
pub struct Signer {
    /// What goes into an image: bundles of signers of this CA are taken.
    pub keyring: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The test CA of that name and its signer, made if they are not there.
pub fn for_tests(work: &Path, name: &str) -> Result<Signer> {
    let folder = work.join("keys").join(name);
    let signer = Signer {
        keyring: folder.join("ca.pem"),
        certificate: folder.join("signer.pem"),
        key: folder.join("signer.key"),
    };
    if signer.certificate.exists() {
        return Ok(signer);
    }
    fs::create_dir_all(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    let authority = folder.join("ca.key");
    commands::run(
        openssl(&["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"])
            .args([
                "-subj",
                &format!("/O=Conductor tests/CN={name} CA"),
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
            ])
            .arg("-keyout")
            .arg(&authority)
            .arg("-out")
            .arg(&signer.keyring),
    )?;
    let asked = folder.join("signer.csr");
    commands::run(
        openssl(&["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-subj", &format!("/O=Conductor tests/CN={name} signer"), "-keyout"])
            .arg(&signer.key)
            .arg("-out")
            .arg(&asked),
    )?;
    let extensions = folder.join("signer.ext");
    fs::write(
        &extensions,
        "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\n",
    )?;
    commands::run(
        openssl(&["x509", "-req", "-days", "825", "-CAcreateserial", "-in"])
            .arg(&asked)
            .arg("-CA")
            .arg(&signer.keyring)
            .arg("-CAkey")
            .arg(&authority)
            .arg("-extfile")
            .arg(&extensions)
            .arg("-out")
            .arg(&signer.certificate),
    )?;
    Ok(signer)
}

/// Makes a bundle of a root.
pub fn make(
    architecture: Architecture,
    version: &str,
    squashfs: &Path,
    signer: &Signer,
    work: &Path,
    to: &Path,
) -> Result<()> {
    let content = work.join("bundle");
    let _ = fs::remove_dir_all(&content);
    let _ = fs::remove_file(to);
    fs::create_dir_all(&content)?;
    fs::write(content.join("manifest.raucm"), boot::manifest(architecture, version))?;
    fs::hard_link(squashfs, content.join("root.img"))
        .or_else(|_| fs::copy(squashfs, content.join("root.img")).map(|_| ()))
        .context("can't put the root into the bundle")?;
    let mut rauc = Command::new("rauc");
    rauc.arg("bundle")
        .arg("--cert")
        .arg(&signer.certificate)
        .arg("--key")
        .arg(&signer.key)
        .arg("--keyring")
        .arg(&signer.keyring);
    commands::run(rauc.arg(&content).arg(to))?;
    fs::remove_dir_all(&content).context("can't tidy up")
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments);
    command
}
