//! The kill -9 campaign: polls of three streams, two imports and deliveries to two SOCs at once, one of which is cut at
//! random; and the agent killed again and again.
//!
//! Promise: after each kill, what the files hold, what both SOCs have and what was confirmed agree (`files.rs`); in the end
//! everything is at both that the API held and that an importer was told is durable, in the queue's order, nothing
//! invented; and no kill brings back more than two windows and a batch.
//!
//! `CONDUCTOR_ROUNDS` sets the number of kills, `CONDUCTOR_SEED` repeats a campaign's choices (its timing it can't).

mod agent;
mod world;

mod crash {
    mod campaign;
    mod files;
    mod importer;
}
