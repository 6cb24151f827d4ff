//! Outages on either side of the agent: nothing that happens meanwhile is lost, and all goes on by itself.

mod agent;
mod world;

mod outage {
    mod of_the_api;
    mod of_the_soc;
}
