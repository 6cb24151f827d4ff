//! Outages on either side of the agent, and of the agent itself: nothing that happens meanwhile is lost, and all goes on by itself.

mod agent;
mod world;

mod outage {
    mod of_a_version;
    mod of_the_api;
    mod of_the_soc;
}
