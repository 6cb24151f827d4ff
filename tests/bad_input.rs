//! Bad input against the real agent: each accident gets a sentence, a condition or an exit code, and loses nothing.

mod agent;
#[path = "bad_input/world.rs"]
mod world;

mod bad_input {
    mod answers;
    mod disk;
    mod half_written;
    mod peers;
    mod slow;
    mod start;
    mod vendor;
}
