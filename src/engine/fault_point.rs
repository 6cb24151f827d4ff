//! Where a test makes the engine stand still, to see that somebody notices.
//!
//! Promise: it is in debug builds alone; a release holds none of it.

/// Stands still for ever where `$CONDUCTOR_FAULT_WEDGE` names a file that is there. The file goes first: once is enough.
#[cfg(debug_assertions)]
pub fn wedge() {
    let Some(path) = std::env::var_os("CONDUCTOR_FAULT_WEDGE") else { return };
    if std::fs::remove_file(&path).is_ok() {
        tracing::error!("the engine stands still now, as the test asked");
        loop {
            std::thread::park();
        }
    }
}

#[cfg(not(debug_assertions))]
pub fn wedge() {}
