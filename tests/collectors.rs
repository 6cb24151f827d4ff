//! Destinations over HTTP against stand-ins that are written from the vendors' contracts, with everything that goes wrong
//! on the way; and the real agent before collectors that are killed, stalled and started anew.
//!
//! Promise: after every call, what a destination calls taken is kept by the receiver, or was put aside as bad.

mod agent;
mod world;

mod collectors {
    mod bench;
    mod elastic;
    mod end_to_end;
    mod http;
    mod splunk_hec;
}
