//! The durable queue: its model test, and the accidents that it must survive.

mod queue {
    mod accidents;
    mod broken_disk;
    mod clock;
    mod model;
    mod places;
    mod support;
}
