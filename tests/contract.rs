//! The contract of a connector's streams: every stream through every fault, over TLS against the simulated API.
//!
//! Promise: a fault is told as what it is and costs no other stream anything; once it is over, the queue holds what an
//! undisturbed run holds, no more and no less.

mod contract {
    mod bench;
    mod fairness;
    mod faults;
}
