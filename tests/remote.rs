//! The remote listener of the real agent, asked by the SOC, by strangers and by attackers.

mod agent;
#[path = "bad_input/world.rs"]
mod world;

mod remote {
    mod activation;
    mod asked;
    mod authority;
    mod certificates;
    mod flood;
    mod nagios;
    mod renewal;
    mod requests;
    mod scene;
    mod strangers;
    mod tools;
}
