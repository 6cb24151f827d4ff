//! Where everything lies on the appliance's disk: the partition table, and what must fit.
//!
//! Promise: pure. The table that `sfdisk` gets, the places that the builder writes to and the sizes that `systemd-repart`
//! keeps in the box all come from one list, so that they can't differ.

use std::fmt::Write;

use anyhow::{Result, bail};

/// Bytes in a MiB, which partitions are counted in.
pub const MIB: u64 = 1 << 20;
/// The most that a root may take: what an update carries. A slot is as large.
pub const ROOT_LIMIT: u64 = 400_000_000;
/// The most that the whole image may take.
pub const IMAGE_LIMIT: u64 = 1_200_000_000;

/// An architecture that the appliance is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    /// As Debian and `--arch` call it.
    pub fn debian(self) -> &'static str {
        match self {
            Architecture::Amd64 => "amd64",
            Architecture::Arm64 => "arm64",
        }
    }

    /// Is it that of the machine that builds?
    pub fn is_ours(self) -> bool {
        match self {
            Architecture::Amd64 => std::env::consts::ARCH == "x86_64",
            Architecture::Arm64 => std::env::consts::ARCH == "aarch64",
        }
    }

    /// The serial line of its machines.
    pub fn serial(self) -> &'static str {
        match self {
            Architecture::Amd64 => "ttyS0",
            Architecture::Arm64 => "ttyAMA0",
        }
    }

    /// What a bundle must be made for (`compatible` of RAUC).
    pub fn compatible(self) -> String {
        format!("conductor-appliance-{}", self.debian())
    }

    /// The partition type of a root of this architecture (the discoverable partitions specification).
    fn root_type(self) -> &'static str {
        match self {
            Architecture::Amd64 => "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
            Architecture::Arm64 => "B921B045-1DF0-41C3-AF44-4C6F280D3FAE",
        }
    }
}

/// A partition. Its name is how everything in the box finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    pub name: &'static str,
    pub megabytes: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Esp,
    Root,
    Data,
}

/// In the order of the disk; the last one grows.
pub const PARTITIONS: [Partition; 4] = [
    Partition { name: "esp", megabytes: 64, kind: Kind::Esp },
    Partition { name: "root-a", megabytes: 384, kind: Kind::Root },
    Partition { name: "root-b", megabytes: 384, kind: Kind::Root },
    Partition { name: "data", megabytes: 256, kind: Kind::Data },
];

/// The first partition begins here: what every tool aligns to.
const FIRST: u64 = MIB;

/// How large a partition is, in bytes.
pub fn size(name: &str) -> Result<u64> {
    match PARTITIONS.iter().find(|partition| partition.name == name) {
        Some(partition) => Ok(partition.megabytes * MIB),
        None => bail!("the disk has no partition {name}"),
    }
}

/// Where a partition begins, in bytes.
pub fn place(name: &str) -> Result<u64> {
    let mut at = FIRST;
    for partition in PARTITIONS {
        if partition.name == name {
            return Ok(at);
        }
        at += partition.megabytes * MIB;
    }
    bail!("the disk has no partition {name}")
}

/// The whole disk, with the second table at its end.
pub fn disk_size() -> u64 {
    FIRST + PARTITIONS.iter().map(|partition| partition.megabytes * MIB).sum::<u64>() + MIB
}

/// What `sfdisk` reads. The ids are fixed, so that the same input makes the same disk.
pub fn table(architecture: Architecture) -> String {
    let mut text = "label: gpt\nlabel-id: C04D0C70-0000-4000-8000-000000000000\nfirst-lba: 2048\n".to_owned();
    for (number, partition) in PARTITIONS.iter().enumerate() {
        let kind = match partition.kind {
            Kind::Esp => "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
            Kind::Root => architecture.root_type(),
            Kind::Data => "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
        };
        let (megabytes, name, number) = (partition.megabytes, partition.name, number + 1);
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "size={megabytes}M, type={kind}, name={name}, uuid=C04D0C70-0000-4000-8000-00000000000{number}"
        );
    }
    text
}

/// The files of `/usr/lib/repart.d`: name and text. All keep their size but the data, which takes what the disk has.
pub fn growth() -> Vec<(String, String)> {
    let files = PARTITIONS.iter().enumerate().map(|(number, partition)| {
        let kind = match partition.kind {
            Kind::Esp => "esp",
            Kind::Root => "root",
            Kind::Data => "linux-generic",
        };
        let size = partition.megabytes;
        let most = match partition.kind {
            Kind::Esp | Kind::Root => format!("SizeMaxBytes={size}M\n"),
            Kind::Data => String::new(),
        };
        let text = format!("[Partition]\nType={kind}\nLabel={}\nSizeMinBytes={size}M\n{most}", partition.name);
        (format!("{}0-{}.conf", number + 1, partition.name), text)
    });
    files.collect()
}

/// Does a root fit its slot and the promise? The error says by how much it does not.
pub fn root_fits(bytes: u64) -> Result<()> {
    let slot = size("root-a")?;
    if bytes > ROOT_LIMIT.min(slot) {
        bail!("the root takes {bytes} bytes, and may take {} at the most", ROOT_LIMIT.min(slot));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_each_partition_once_with_the_size_that_the_builder_reckons_with() {
        let table = table(Architecture::Amd64);
        for partition in PARTITIONS {
            let line = format!("size={}M, ", partition.megabytes);
            let name = format!("name={},", partition.name);
            let lines: Vec<&str> = table.lines().filter(|l| l.contains(&name)).collect();
            assert_eq!(lines.len(), 1, "{name}");
            assert!(lines[0].starts_with(&line), "{}", lines[0]);
        }
    }

    #[test]
    fn partitions_follow_each_other_without_a_gap_and_the_whole_stays_within_its_limit() {
        let mut at = MIB;
        for partition in PARTITIONS {
            assert_eq!(place(partition.name).expect("it is there"), at);
            at += size(partition.name).expect("it is there");
        }
        assert_eq!(disk_size(), at + MIB);
        assert!(disk_size() <= IMAGE_LIMIT, "{}", disk_size());
        assert!(place("swap").is_err());
    }

    #[test]
    fn both_slots_are_alike_and_only_the_data_grows() {
        assert_eq!(size("root-a").expect("a"), size("root-b").expect("b"));
        for (name, text) in growth() {
            assert_eq!(text.contains("SizeMaxBytes"), !name.contains("data"), "{name}");
        }
    }

    #[test]
    fn a_root_past_its_slot_is_refused() {
        assert!(root_fits(100 * MIB).is_ok());
        assert!(root_fits(ROOT_LIMIT + 1).is_err());
        assert!(root_fits(size("root-a").expect("a") + 1).is_err());
    }

    #[test]
    fn an_architecture_takes_no_bundle_and_no_root_of_the_other() {
        assert_ne!(Architecture::Amd64.compatible(), Architecture::Arm64.compatible());
        assert_ne!(table(Architecture::Amd64), table(Architecture::Arm64));
    }
}
