//! Operating the real agent: reloads, stops, the queue's verbs, the heartbeat, the filter, the local listener, noise.

mod agent;
#[path = "bad_input/world.rs"]
mod world;

mod operate {
    mod first_start;
    mod noise;
    mod progress;
    mod queue_verbs;
    mod reload;
    mod stop;
    mod verify;
    mod watch;
}
