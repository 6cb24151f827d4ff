//! The kill -9 campaign: polls, an import and deliveries at once, and the agent killed again and again.
//!
//! Promise: in the end everything is at the SOC that the API held and that the importer was told is durable, in the
//! queue's order, nothing invented; and no kill brings back more than two windows and a batch.
//!
//! `CONDUCTOR_ROUNDS` sets the number of kills, `CONDUCTOR_SEED` repeats a campaign's choices (its timing it can't).

mod agent;
mod world;

mod crash {
    mod campaign;
    mod importer;
}
