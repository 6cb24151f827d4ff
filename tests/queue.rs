//! The durable queue: its model test, and the accidents that it must survive.

mod queue {
    mod accidents;
    mod barriers;
    mod bounds;
    mod broken_disk;
    mod clock;
    mod corruption;
    mod looking;
    mod model;
    mod places;
    mod power;
    mod prepared;
    mod quarantine;
    mod replays;
    mod room;
    mod small_disk;
    mod support;
    mod verify;
}
