//! The documents of an image, and the one archive that holds them with their layers.
//!
//! An OCI image layout (`oci-layout`, `index.json`, `blobs/sha256`) with the `manifest.json` of `docker save` beside it: both name
//! the same blobs, so that podman, skopeo and every docker load it.
//!
//! Promise: pure; the same contents give the same bytes and so the same digests.

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::tar::{Entry, archive};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const SECOND: u64 = 1_000_000_000;

/// Who runs inside. Not 0, and not a number that a distribution hands out.
pub const USER: u32 = 65532;

pub struct Image {
    pub version: String,
    /// As OCI calls it: `amd64`.
    pub architecture: &'static str,
    /// Seconds since 1970, and the same as RFC 3339 writes it.
    pub moment: u64,
    pub created: String,
    /// What the system's files are: `Debian GNU/Linux 12 (bookworm)`.
    pub base: String,
}

/// One layer: its tar, and that compressed.
pub struct Layer {
    pub told: &'static str,
    pub tar: Vec<u8>,
    pub zipped: Vec<u8>,
}

/// What was made.
pub struct Made {
    pub archive: Vec<u8>,
    /// `sha256:...` of the manifest: the image's name that nobody can move.
    pub digest: String,
}

pub fn assemble(image: &Image, layers: &[Layer]) -> Result<Made> {
    let mut blobs: Vec<(String, Vec<u8>)> =
        layers.iter().map(|layer| (digest(&layer.zipped), layer.zipped.clone())).collect();
    let config = text(&config(image, layers))?;
    let described = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": digest(bytes), "size": bytes.len()});
    let manifest = text(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described(CONFIG, &config),
        "layers": layers.iter().map(|layer| described(LAYER, &layer.zipped)).collect::<Vec<_>>(),
        "annotations": labels(image),
    }))?;
    let name = format!("conductor:{}", image.version);
    let mut entry = described(MANIFEST, &manifest);
    entry["platform"] = json!({"os": "linux", "architecture": image.architecture});
    // skopeo and podman read the first of these, containerd and docker the second.
    entry["annotations"] = json!({
        "org.opencontainers.image.ref.name": name,
        "io.containerd.image.name": format!("localhost/{name}"),
    });
    let index = text(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    }))?;
    let saved = text(&json!([{
        "Config": place(&digest(&config)),
        "RepoTags": [name],
        "Layers": layers.iter().map(|layer| place(&digest(&layer.zipped))).collect::<Vec<_>>(),
    }]))?;
    let whole = digest(&manifest);
    blobs.extend([(digest(&config), config), (whole.clone(), manifest)]);
    blobs.sort();
    let mut entries = vec![Entry::folder("blobs", 0o755), Entry::folder("blobs/sha256", 0o755)];
    entries.extend(blobs.into_iter().map(|(digest, bytes)| Entry::file(&place(&digest), 0o644, bytes)));
    entries.push(Entry::file("index.json", 0o644, index));
    entries.push(Entry::file("manifest.json", 0o644, saved));
    entries.push(Entry::file("oci-layout", 0o644, *b"{\"imageLayoutVersion\":\"1.0.0\"}"));
    Ok(Made { archive: archive(&entries, image.moment)?, digest: whole })
}

/// How it is run, unless whoever runs it says otherwise.
fn config(image: &Image, layers: &[Layer]) -> Value {
    let history = layers.iter().map(|layer| json!({"created": image.created, "created_by": layer.told}));
    json!({
        "created": image.created,
        "architecture": image.architecture,
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "ExposedPorts": {"8443/tcp": {}},
            // Secrets of docker and podman lie where systemd would put credentials. One heap for all threads, as in the unit.
            "Env": [
                "PATH=/usr/bin",
                "CREDENTIALS_DIRECTORY=/run/secrets",
                "MALLOC_ARENA_MAX=1",
                "MALLOC_MMAP_THRESHOLD_=4194304",
            ],
            "Entrypoint": ["/usr/bin/conductor"],
            "Cmd": ["run"],
            "Volumes": {"/var/lib/conductor": {}},
            "WorkingDir": "/",
            "StopSignal": "SIGTERM",
            "Labels": labels(image),
            // Docker's own field: OCI has none. The queue alone counts: a vendor that is away is no reason to start again.
            "Healthcheck": {
                "Test": ["CMD", "/usr/bin/conductor", "status", "--ready"],
                "Interval": 30 * SECOND,
                "Timeout": 15 * SECOND,
                "StartPeriod": 60 * SECOND,
                "Retries": 3,
            },
        },
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| digest(&layer.tar)).collect::<Vec<_>>()},
        "history": history.collect::<Vec<_>>(),
    })
}

fn labels(image: &Image) -> Value {
    json!({
        "org.opencontainers.image.title": "conductor",
        "org.opencontainers.image.description":
            "Collects Abnormal Security events into a durable queue and hands them to a SOC, losing none",
        "org.opencontainers.image.version": image.version,
        "org.opencontainers.image.created": image.created,
        "org.opencontainers.image.licenses": "Apache-2.0 OR MIT",
        "org.opencontainers.image.base.name": image.base,
    })
}

fn text(document: &Value) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(document)?)
}

/// `sha256:` and its digits.
pub fn digest(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// Where a blob lies in the archive.
fn place(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (Made, Vec<Layer>) {
        let image = Image {
            version: "1.2.3".to_owned(),
            architecture: "arm64",
            moment: 1_763_596_800,
            created: "2025-11-20T00:00:00Z".to_owned(),
            base: "a system".to_owned(),
        };
        let layers = vec![
            Layer { told: "system", tar: b"first".to_vec(), zipped: b"first, small".to_vec() },
            Layer { told: "agent", tar: b"second".to_vec(), zipped: b"second, small".to_vec() },
        ];
        (assemble(&image, &layers).expect("an image"), layers)
    }

    /// The file of that name, out of the archive's bytes.
    fn file<'a>(archive: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let mut rest = archive;
        while rest.len() > 1024 {
            let (head, behind) = rest.split_at(512);
            let end = head.iter().position(|byte| *byte == 0)?;
            let length = std::str::from_utf8(&head[124..135]).ok()?;
            let length = usize::from_str_radix(length, 8).ok()?;
            if &head[..end] == name.as_bytes() {
                return behind.get(..length);
            }
            rest = behind.get(length.next_multiple_of(512)..)?;
        }
        None
    }

    fn document(archive: &[u8], name: &str) -> Value {
        serde_json::from_slice(file(archive, name).expect(name)).expect("JSON")
    }

    fn words(value: &Value) -> String {
        value.as_str().expect("a text").to_owned()
    }

    #[test]
    fn every_blob_has_the_digest_that_it_is_named_by_and_both_lists_name_the_same() {
        let (made, layers) = made();
        let index = document(&made.archive, "index.json");
        assert_eq!(words(&index["manifests"][0]["digest"]), made.digest);
        let manifest = document(&made.archive, &place(&made.digest));
        let config = document(&made.archive, &place(&words(&manifest["config"]["digest"])));
        for (at, layer) in layers.iter().enumerate() {
            let told = words(&manifest["layers"][at]["digest"]);
            assert_eq!(file(&made.archive, &place(&told)), Some(layer.zipped.as_slice()));
            assert_eq!(digest(&layer.zipped), told);
            assert_eq!(words(&config["rootfs"]["diff_ids"][at]), digest(&layer.tar));
        }
        let saved = document(&made.archive, "manifest.json");
        assert_eq!(words(&saved[0]["Config"]), place(&words(&manifest["config"]["digest"])));
        assert_eq!(saved[0]["Layers"].as_array().map(Vec::len), Some(2));
        assert_eq!(
            digest(b"abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "FIPS 180's own example"
        );
    }

    #[test]
    fn it_runs_as_nobody_in_particular_and_is_asked_for_its_queue_alone() {
        let (made, _) = made();
        let manifest = document(&made.archive, &place(&made.digest));
        let config = document(&made.archive, &place(&words(&manifest["config"]["digest"])));
        assert_eq!(config["architecture"], "arm64");
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["config"]["Volumes"], json!({"/var/lib/conductor": {}}));
        assert_eq!(config["config"]["Healthcheck"]["Test"], json!(["CMD", "/usr/bin/conductor", "status", "--ready"]));
    }
}
