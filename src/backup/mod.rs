//! Settings in one file that a person can read: to be kept elsewhere, and put back, here or on another box.
//!
//! ```text
//!   settings, certificates, secrets ──gather──► Document ──► JSON, its secrets sealed under a passphrase
//!                                    ◄─restore── (validated whole, then written, or nothing is)
//! ```
//!
//! What is not in it: events and where collecting stands (checkpoints, cursors), users of the pages, the audit log, and secrets
//! that lie in files or credentials of the operator's.
//!
//! Promise: without a passphrase no secret is in it that the settings refer to, and one that could not be searched for is
//! named; what is put back was read as the agent reads it before a byte was written, and where writing fails what was there
//! is put back.

mod document;
mod gather;
mod page;
mod passphrase;
mod restore;
mod target;

pub use document::{Document, FORMAT, Kept, LARGEST, Unread, Whose};
pub use gather::{Gathered, NotGathered, Sources, Wanted, gather, name};
pub use passphrase::{Memory, Opened, SHORTEST, Unopened, open};
pub use restore::{NotRestored, Plan, Reach, Restored, Step, plan, restore};
