//! Replays with the real agent: a SOC that lost data is handed it again, marked, and nobody else is.

mod agent;
mod receivers;
mod world;

mod replay {
    mod quarantine;
    mod receivers_marks;
    mod scene;
    mod verb;
    mod yields;
}
