//! The appliance around the agent, as we tell it: how its data lies on the disk.
//!
//! Promise: it is what the system wrote, shown and not judged; no condition comes of it, for an operator chose the machine.

use serde::{Deserialize, Serialize};

/// What the appliance's system says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appliance {
    /// `null`: the system has not said.
    #[serde(default)]
    pub storage: Option<Storage>,
}

/// What opens the data partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenedBy {
    /// The machine's own TPM2: the disk opens nowhere else.
    Tpm2,
    /// Nothing is needed to open it, or nothing opened it.
    None,
}

impl OpenedBy {
    /// The word in JSON and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            OpenedBy::Tpm2 => "tpm2",
            OpenedBy::None => "none",
        }
    }
}

/// The appliance's disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// The data partition is encrypted.
    pub encrypted: bool,
    #[serde(alias = "opened-by")]
    pub opened_by: OpenedBy,
    /// The root is read by way of its hash tree: a bit that has turned on the disk is noticed.
    #[serde(default, alias = "root-verified")]
    pub root_verified: bool,
    /// The same in a sentence.
    #[serde(default, alias = "why")]
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_writes_is_read_and_told_with_our_own_names() {
        let written = r#"{"encrypted": true, "opened-by": "tpm2", "root-verified": true, "why": "the TPM2 opens it"}"#;
        let storage: Storage = serde_json::from_str(written).expect("the system's words");
        assert_eq!((storage.opened_by, storage.root_verified), (OpenedBy::Tpm2, true));
        let told = serde_json::to_value(&storage).expect("JSON");
        assert_eq!(told["opened_by"], "tpm2");
        assert_eq!(told["text"], "the TPM2 opens it");
        assert_eq!(serde_json::from_value::<Storage>(told).expect("what we tell"), storage);
    }

    #[test]
    fn an_older_system_says_nothing_of_its_root() {
        let storage: Storage =
            serde_json::from_str(r#"{"encrypted": false, "opened-by": "none"}"#).expect("it is enough");
        assert!(!storage.root_verified && storage.text.is_empty());
    }
}
