//! Destinations as operators have them: many at once, renewed certificates, a proxy between, and plain syslog. The real
//! agent against simulated and real receivers.

mod agent;
mod proxy;
mod receivers;
mod world;

mod destinations {
    mod fan_out;
    mod plain;
    mod renewal;
    mod tunnel;
}
