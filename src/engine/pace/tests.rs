//! The pace as its callers see it, in paused time.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::*;
use crate::fault::Fault;
use crate::net::http::{Answer, Get};
use crate::values::Secret;

const SECOND: Duration = Duration::from_secs(1);

/// Permits of one lane that are given within this time.
async fn permits(pace: &Pace, lane: &str, within: Duration) -> u64 {
    let (end, before) = (Instant::now() + within, pace.figures().requests);
    while timeout(end - Instant::now(), pace.permit(lane)).await.is_ok() {}
    pace.figures().requests - before
}

/// Answers with one status, or never.
struct Scripted(Option<u16>);

#[async_trait]
impl Get for Scripted {
    async fn get(&self, _: &str, _: &[(&str, &str)], _: Option<&Secret>) -> Result<Answer, Fault> {
        let Some(status) = self.0 else { return pending().await };
        let retry_after = (status == 429).then_some(30 * SECOND);
        Ok(Answer { status, date: None, retry_after, content_type: None, body: Bytes::new() })
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_honoured_to_its_end_and_no_burst_follows_it() {
    let pace = Pace::new(240);
    pace.hold(600 * SECOND);
    assert_eq!(permits(&pace, "a", 600 * SECOND).await, 0);
    let after = permits(&pace, "a", 10 * SECOND).await;
    assert!((39..=40).contains(&after), "{after}");
}

#[tokio::test(start_paused = true)]
async fn a_shorter_pause_does_not_end_a_longer_one() {
    let pace = Pace::new(240);
    pace.hold(60 * SECOND);
    pace.hold(SECOND);
    assert_eq!(permits(&pace, "a", 60 * SECOND).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_429_that_is_told_after_its_pause_was_waited_out_costs_no_second_pause() {
    let pace = Pace::new(240);
    pace.refused(pace.permit("a").await, 60 * SECOND);
    pace.permit("a").await;
    let left = pace.hold(66 * SECOND);
    assert!(left > 5 * SECOND && left < 6 * SECOND, "{left:?}");
    tokio::time::advance(10 * SECOND).await;
    assert_eq!(pace.hold(66 * SECOND), Duration::ZERO);
    assert!(timeout(SECOND, pace.permit("a")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn several_429s_of_requests_that_were_under_way_together_lower_the_rate_once_and_are_all_counted() {
    let pace = Pace::new(240);
    let asked = [pace.permit("a").await, pace.permit("a").await, pace.permit("b").await];
    tokio::time::advance(SECOND).await;
    pace.refused(asked[0], SECOND);
    tokio::time::advance(SECOND).await;
    pace.refused(asked[1], SECOND);
    pace.refused(asked[2], SECOND);
    assert_eq!((pace.figures().throttled, pace.figures().per_minute), (3, 168));
    let later = pace.permit("a").await;
    pace.refused(later, SECOND);
    assert_eq!((pace.figures().throttled, pace.figures().per_minute), (4, 118));
}

#[tokio::test(start_paused = true)]
async fn the_client_tells_every_429_at_once_and_holds_all_requests_for_what_it_asked() {
    let pace = Arc::new(Pace::new(240));
    let client = Paced::new(Arc::new(Scripted(Some(429))), Arc::clone(&pace));
    let all = tokio::join!(
        client.get("https://h/v1/threats/1", &[], None),
        client.get("https://h/v1/threats/2", &[], None),
        client.get("https://h/v1/cases", &[], None)
    );
    assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok());
    assert_eq!(pace.figures().throttled, 3);
    assert_eq!(permits(&pace, "other", 30 * SECOND).await, 0);
    assert!(timeout(SECOND, pace.permit("other")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn each_request_takes_one_permit() {
    let pace = Arc::new(Pace::new(60));
    let client = Paced::new(Arc::new(Scripted(Some(200))), Arc::clone(&pace));
    let begun = Instant::now();
    for asked in 1..=12 {
        client.get("https://h/v1/threats", &[], None).await.expect("an answer");
        assert_eq!(pace.figures().requests, asked);
    }
    assert_eq!(begun.elapsed().as_secs(), 10, "two at once, then one a second");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_429_raises_the_rate_again_and_one_of_an_ill_vendor_does_not() {
    for (status, raised) in [(200, true), (404, true), (500, false), (503, false)] {
        let pace = Arc::new(Pace::new(240));
        pace.refused(pace.permit("a").await, SECOND);
        let client = Paced::new(Arc::new(Scripted(Some(status))), Arc::clone(&pace));
        for _ in 0..60 {
            client.get("https://h/v1/threats", &[], None).await.expect("an answer");
        }
        assert_eq!(pace.figures().per_minute > 168, raised, "{status}: {:?}", pace.figures());
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_delays_no_other() {
    let pace = Arc::new(Pace::new(240));
    for _ in 0..8 {
        let hanging = Paced::new(Arc::new(Scripted(None)), Arc::clone(&pace));
        tokio::spawn(async move { hanging.get("https://h/v1/cases", &[], None).await });
    }
    let others = permits(&pace, "h/v1/threats", 60 * SECOND).await;
    assert!((239..=248).contains(&others), "{others}");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_is_dropped_gives_its_place_up_to_the_next() {
    let pace = Arc::new(Pace::new(60));
    assert_eq!(permits(&pace, "a", SECOND / 2).await, 2, "the burst");
    let first = tokio::spawn({
        let pace = Arc::clone(&pace);
        async move { pace.permit("a").await }
    });
    let second = tokio::spawn({
        let pace = Arc::clone(&pace);
        async move { pace.permit("a").await }
    });
    tokio::task::yield_now().await;
    first.abort();
    assert!(timeout(2 * SECOND, second).await.expect("in time").is_ok());
    assert!(first.await.is_err());
    assert_eq!(pace.figures().requests, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_four_requests_waiting_takes_no_more_than_its_share() {
    let pace = Arc::new(Pace::new(240));
    for _ in 0..4 {
        let pace = Arc::clone(&pace);
        tokio::spawn(async move {
            loop {
                pace.permit("busy").await;
            }
        });
    }
    let mut single = 0;
    let end = Instant::now() + 60 * SECOND;
    while timeout(end - Instant::now(), pace.permit("single")).await.is_ok() {
        single += 1;
    }
    let all = pace.figures().requests;
    // The first burst may be all of one lane.
    assert!((all / 2 - 8..=all / 2 + 8).contains(&single), "{single} of {all}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_urgent_gets_a_tenth_of_the_rate_and_nothing_during_a_pause() {
    let pace = Pace::new(240);
    let mut given = 0;
    let mut look = async |pace: &Pace, minutes: u64| {
        given = 0;
        for _ in 0..minutes * 60 {
            given += u64::from(pace.spare(1)) + u64::from(pace.spare(1));
            tokio::time::advance(SECOND).await;
        }
        given
    };
    let hour = look(&pace, 60).await;
    assert!((1439..=1440 + 24).contains(&hour), "{hour}");
    pace.refused(now(), 600 * SECOND);
    assert_eq!(look(&pace, 10).await, 0);
    let lower = look(&pace, 10).await;
    assert!((160..=169).contains(&lower), "{lower}");
}

#[tokio::test(start_paused = true)]
async fn the_time_that_requests_waited_is_told() {
    let pace = Pace::new(60);
    pace.hold(30 * SECOND);
    pace.permit("a").await;
    assert_eq!(pace.figures().waited.as_secs(), 31);
}

#[tokio::test(start_paused = true)]
async fn what_costs_several_requests_gets_its_share_of_a_small_rate_too() {
    let pace = Pace::new(10);
    let mut given = 0;
    for _ in 0..3_600 {
        given += u32::from(pace.spare(2));
        tokio::time::advance(SECOND).await;
    }
    assert!((29..=32).contains(&given), "{given}");
}
