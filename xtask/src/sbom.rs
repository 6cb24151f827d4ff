//! `cargo xtask sbom`: what the shipped program is made of, as a CycloneDX 1.6 document in JSON.
//!
//! Which packages are in it is what `cargo tree` says of the program alone (without tests, and without what other members
//! of the workspace switch on); their checksums are those of Cargo.lock.
//!
//! Promise: the same sources give the same bytes, on any machine and at any time; a package without a checksum, or one
//! that Cargo.lock does not know, is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::commands::{cargo, output, root, target};

/// The package that is shipped.
const SHIPPED: &str = "conductor";

/// Name and version.
type Package = (String, String);

/// Writes `target/sbom/conductor-TARGET.cdx.json` and says where.
pub fn run(triple: &str) -> Result<()> {
    let folder = target().join("sbom");
    fs::create_dir_all(&folder)?;
    let file: PathBuf = folder.join(format!("{SHIPPED}-{triple}.cdx.json"));
    fs::write(&file, document(triple)?)?;
    println!("{}", file.display());
    Ok(())
}

/// The document's text.
pub fn document(triple: &str) -> Result<String> {
    let all = tree(triple, "normal,build")?;
    let linked = tree(triple, "normal")?;
    let checksums = checksums(&fs::read_to_string(root().join("Cargo.lock"))?);
    let metadata = output(&mut cargo(&["metadata", "--format-version=1", "--locked", "--filter-platform", triple]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata")?;
    let known = packages(&metadata)?;
    let mut components = Vec::new();
    for package in all.iter().filter(|(name, _)| name != SHIPPED) {
        let about = known.get(package).with_context(|| format!("cargo metadata does not know {package:?}"))?;
        let Some(checksum) = checksums.get(package) else {
            bail!("{package:?} has no checksum in Cargo.lock: the program is made of registry packages alone")
        };
        components.push(json!({
            "type": "library",
            "bom-ref": purl(package),
            "name": package.0,
            "version": package.1,
            // Not in the program, but run to build it.
            "scope": if linked.contains(package) { "required" } else { "excluded" },
            "hashes": [{"alg": "SHA-256", "content": checksum}],
            "licenses": [{"expression": about.licence}],
            "purl": purl(package),
        }));
    }
    let shipped = all.iter().find(|(name, _)| name == SHIPPED).context("cargo tree names our package")?;
    let dependencies: Vec<Value> = all
        .iter()
        .map(|package| {
            let on = known.get(package).map(|about| about.needs.intersection(&all).map(purl).collect::<Vec<_>>());
            json!({"ref": purl(package), "dependsOn": on.unwrap_or_default()})
        })
        .collect();
    let licence = known.get(shipped).map(|about| about.licence.clone()).unwrap_or_default();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": purl(shipped),
                "name": shipped.0,
                "version": shipped.1,
                "licenses": [{"expression": licence}],
                "purl": purl(shipped),
            },
            "properties": [{"name": "conductor:target", "value": triple}],
        },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn purl((name, version): &Package) -> String {
    // A build mark (+1.2) is a blank in a URL unless it is escaped.
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// What `cargo tree` lists for the program.
fn tree(triple: &str, edges: &str) -> Result<BTreeSet<Package>> {
    let arguments =
        ["tree", "-p", SHIPPED, "-e", edges, "--target", triple, "--prefix=none", "--locked", "--format={p}"];
    Ok(listed(&output(&mut cargo(&arguments))?))
}

/// `name v1.2.3 (notes)`, a line each; many stand more than once.
fn listed(text: &str) -> BTreeSet<Package> {
    let package = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
    };
    text.lines().filter_map(package).collect()
}

/// Of each `[[package]]` in Cargo.lock that has one.
fn checksums(lock: &str) -> BTreeMap<Package, String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'));
        line.map(str::to_owned)
    };
    let blocks = lock.split("[[package]]").skip(1);
    blocks
        .filter_map(|block| Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?)))
        .collect()
}

struct About {
    licence: String,
    /// To build it, or linked with it; whether it is switched on is `cargo tree`'s to say.
    needs: BTreeSet<Package>,
}

fn packages(metadata: &Value) -> Result<BTreeMap<Package, About>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = list(&metadata["packages"]);
    let names: BTreeMap<String, Package> =
        all.iter().map(|one| (text(&one["id"]), (text(&one["name"]), text(&one["version"])))).collect();
    let nodes = list(&metadata["resolve"]["nodes"]);
    let needs: BTreeMap<String, BTreeSet<Package>> = nodes
        .iter()
        .map(|node| {
            let deps = list(&node["deps"]).into_iter().filter(|dep| {
                list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null() || kind["kind"] == "build")
            });
            (text(&node["id"]), deps.filter_map(|dep| names.get(dep["pkg"].as_str()?).cloned()).collect())
        })
        .collect();
    let mut known = BTreeMap::new();
    for one in &all {
        let id = text(&one["id"]);
        // Cargo took a slash for "or" in the old days.
        let licence = text(&one["license"]).split('/').map(str::trim).collect::<Vec<_>>().join(" OR ");
        let package = names.get(&id).cloned().context("a package without a name")?;
        if licence.is_empty() {
            bail!("{package:?} names no licence");
        }
        known.insert(package, About { licence, needs: needs.get(&id).cloned().unwrap_or_default() });
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: &str = "x86_64-unknown-linux-gnu";

    fn text(value: &Value) -> &str {
        value.as_str().expect("a text")
    }

    #[test]
    fn it_holds_each_package_of_the_shipped_program_as_cargo_lock_has_it_and_is_the_same_each_time() {
        let written = document(TARGET).expect("a document");
        assert_eq!(document(TARGET).expect("a document"), written, "reproducible");
        let document: Value = serde_json::from_str(&written).expect("JSON");
        let lock = checksums(&fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock"));
        let components = document["components"].as_array().expect("a list");
        let mut found = BTreeSet::new();
        for one in components {
            let package = (text(&one["name"]).to_owned(), text(&one["version"]).to_owned());
            assert_eq!(Some(text(&one["hashes"][0]["content"])), lock.get(&package).map(String::as_str), "{package:?}");
            assert!(!text(&one["licenses"][0]["expression"]).is_empty());
            assert!(found.insert(package), "twice");
        }
        // Each that the manifest of the program asks for outright.
        let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
        let (_, rest) = manifest.split_once("\n[dependencies]\n").expect("dependencies");
        let asked = rest.lines().take_while(|line| !line.starts_with('['));
        let asked: Vec<&str> = asked.filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
        assert!(asked.len() > 30, "{asked:?}");
        for name in asked {
            assert!(found.iter().any(|(known, _)| known == name), "{name} is not in it");
        }
        // And nothing of tests or of developer verbs.
        for name in ["proptest", "criterion", "tempfile", "conductor-sim", "xtask"] {
            assert!(found.iter().all(|(known, _)| known != name), "{name} is in it");
        }
    }

    #[test]
    fn its_graph_is_closed_and_reaches_every_package_from_the_program() {
        let document: Value = serde_json::from_str(&document(TARGET).expect("a document")).expect("JSON");
        let components = document["components"].as_array().expect("a list");
        let all: BTreeSet<&str> = components.iter().map(|one| text(&one["bom-ref"])).collect();
        let edges = document["dependencies"].as_array().expect("a list");
        let edges: BTreeMap<&str, Vec<&str>> = edges
            .iter()
            .map(|one| (text(&one["ref"]), one["dependsOn"].as_array().expect("a list").iter().map(text).collect()))
            .collect();
        let mut reached = BTreeSet::new();
        let mut next = vec![text(&document["metadata"]["component"]["bom-ref"])];
        while let Some(one) = next.pop() {
            if reached.insert(one) {
                next.extend(edges.get(one).unwrap_or_else(|| panic!("{one} is in no list")));
            }
        }
        let unreached: Vec<_> = all.difference(&reached).collect();
        assert!(unreached.is_empty(), "{unreached:?}");
        assert_eq!(reached.len(), all.len() + 1, "and no edge leads out of it");
    }

    #[test]
    fn cargos_lists_are_read() {
        let tree =
            listed("conductor v0.1.0 (/x)\nserde v1.0.2\nserde v1.0.2 (*)\n\nserde_derive v1.0.2 (proc-macro)\n");
        let names: Vec<&str> = tree.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["conductor", "serde", "serde_derive"]);
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1\"\nchecksum = \"ff\"\ndependencies = [\n \"b\",\n]\n\n[[package]]\nname = \"b\"\nversion = \"2\"\n";
        assert_eq!(checksums(lock), BTreeMap::from([(("a".into(), "1".into()), "ff".into())]));
        assert_eq!(purl(&("zstd-sys".into(), "2.0.1+zstd.1.5".into())), "pkg:cargo/zstd-sys@2.0.1%2Bzstd.1.5");
    }
}
