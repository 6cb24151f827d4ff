//! The unit, the socket, the sample settings: what stands in `systemd/`, as written and as systemd itself runs it.
//!
//! Promise: what needs systemd as PID 1 is run in a machine of namespaces; where that can't be had it is said and not run.

mod machine;

mod service {
    mod running;
    mod written;
}
