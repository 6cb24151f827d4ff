//! The agent on a real, small file system of its own that fills, fails and empties.
//!
//! Each test mounts 64 MiB in a mount namespace of its own, so nothing stays behind, however it ends. It needs
//! `unshare` and either root or unprivileged user namespaces (Ubuntu: `sysctl
//! kernel.apparmor_restrict_unprivileged_userns=0`); without both it fails. The test on ext4 needs root and a loop
//! device as well, and says so where it was not run.

mod agent;
mod world;

mod full_disk {
    mod backlog;
    mod broken;
    mod drop_oldest;
    mod foreign;
    mod read_only;
    mod scene;
    mod small;
}
