//! Updates of the appliance, the agent's side: a signed bundle is handed over, the system judges and installs it.
//!
//! ```text
//!   command, page, polled URL ──► arrival (STATE/update/.part ──► NAME.raucb) ──► the system, as root
//!   told (STATE/update/state.json) ◄─────────────────────────────────────────── what became of it
//! ```
//!
//! The agent has no right to change the system, and needs none: what counts is the signature on the bundle, the version
//! that must be newer and the health gate, and those are the system's. On other machines packages do this.
//!
//! Promise: what lies there as `NAME.raucb` came in whole and is on the disk; what comes in never takes the room that the
//! queue needs.

mod arrival;
mod asked;
mod decision;
mod index;
mod taking;
mod told;
mod tried;
mod version;
mod window;

pub use arrival::{Arrival, Arrived, Blame, LARGEST, NotTaken, clean, file_name};
pub use asked::ask_reset;
pub use decision::{Decision, Facts, decide};
pub use index::{Index, LARGEST as LARGEST_INDEX};
pub use taking::Taking;
pub use told::{Last, Outcome, Told, VERSION_FILE, appliance, packages};
pub use tried::Tried;
pub use window::Window;

/// Below the state folder; the system looks there.
pub const FOLDER: &str = "update";
