//! Accidents whose limits are half a minute or a minute long: side by side, because each of them only waits.

use super::{answers, peers, vendor};

#[test]
fn what_takes_its_time_is_told_and_mended_too() {
    // Each says by its own panic what went wrong with it; the scope then fails the test.
    std::thread::scope(|scope| {
        scope.spawn(answers::one_threat_whose_detail_never_parses_is_deferred_and_told_and_stops_no_other);
        scope.spawn(answers::a_socket_that_hangs_is_given_up_after_its_time_and_asked_again);
        scope.spawn(answers::a_body_that_trickles_is_given_up_after_its_time_and_asked_again);
        scope.spawn(peers::a_soc_that_is_away_is_told_after_a_minute_and_gets_everything_when_it_is_back);
        scope.spawn(
            vendor::a_ca_file_that_is_missing_parks_the_integration_until_it_is_there_and_nothing_is_told_afterwards,
        );
    });
}
