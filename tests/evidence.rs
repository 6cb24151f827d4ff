//! Evidence: what the report counts, what each format shows of it, and the verb with and without an agent.
//! `UPDATE_DOCS=1 cargo test --test evidence` writes the expected reports again.

mod agent;
#[path = "bad_input/world.rs"]
mod world;

mod evidence {
    mod book;
    mod formats;
    mod print;
    mod scene;
    mod verb;
}
