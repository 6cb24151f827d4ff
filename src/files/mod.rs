//! Files as every other room wants them on a disk that loses power, in folders that two users write.
//!
//! [`Folder`] is a folder held open, whose files are read and written through no link; [`whole`] writes a file by its path;
//! [`stamp`] tells whether a file is another than it was.
//!
//! Promise: whoever reads a file that is replaced finds the old bytes or the new ones, whole. What a file is for is its room's affair: this
//! one knows the system's calls, and nothing of ours.

mod folder;
mod stamp;
pub mod whole;

pub use folder::{Folder, Lock, fill};
pub use stamp::{Stamp, stamp};
