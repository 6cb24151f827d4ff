//! An API key's life at the real agent: told expiry, rotation without a gap, and the verb that sets a key.

mod agent;
#[path = "bad_input/world.rs"]
mod world;

mod token {
    mod comparison;
    mod expiry;
    mod rotation;
    mod sealed;
    mod set_key;
}
