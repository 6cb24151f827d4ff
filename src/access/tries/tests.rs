//! The counts, with time as an argument.

use proptest::prelude::*;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn origin(n: u32) -> Origin {
    Origin::of(IpAddr::from(n.to_be_bytes()))
}

fn name_from(name: &str, n: u32) -> Door {
    Door::NameFrom(name.into(), origin(n))
}

/// Doors of a try at a name where it never logged in.
fn stranger(name: &str, n: u32) -> [Door; 3] {
    [name_from(name, n), Door::Address(origin(n)), Door::Stranger(name.into())]
}

#[test]
fn the_wait_doubles_from_a_second_to_a_quarter_of_an_hour_and_a_success_clears_it() {
    let mut tries = Tries::default();
    let door = [name_from("alice", 1)];
    let (mut now, mut waits) = (0, Vec::new());
    for _ in 0..12 {
        tries.pass(&door, at(now)).expect("the wait is over");
        let wait = tries.pass(&door, at(now)).expect_err("closed").as_secs();
        waits.push(wait);
        now += i64::try_from(wait).expect("small");
    }
    // By the tenth the first have begun to leak away.
    assert_eq!(waits[..9], [1, 2, 4, 8, 16, 32, 64, 128, 256]);
    assert!(waits[9..].iter().all(|wait| (256..=900).contains(wait)), "{waits:?}");
    tries.clear(&door[0]);
    tries.pass(&door, at(now)).expect("cleared");
    assert_eq!(tries.pass(&door, at(now)), Err(Duration::from_secs(1)), "and begins anew");
}

#[test]
fn one_attacker_never_closes_a_name_to_its_owner_elsewhere() {
    let mut tries = Tries::default();
    let mut admitted = 0;
    // A week of tries, one a second.
    for second in 0..7 * 24 * 3600 {
        admitted += u32::from(tries.pass(&stranger("alice", 66), at(second)).is_ok());
        if second % 977 == 0 {
            let owner = stranger("alice", 1);
            tries.pass(&owner, at(second)).unwrap_or_else(|wait| panic!("locked out at {second} for {wait:?}"));
            owner.iter().for_each(|door| tries.give_back(door));
        }
    }
    assert!((400..1500).contains(&admitted), "some five an hour: {admitted}");
}

#[test]
fn many_attackers_close_a_name_to_strangers_and_not_to_where_its_owner_was_before() {
    let mut tries = Tries::default();
    let mut admitted = 0;
    for n in 0..5000 {
        admitted += u32::from(tries.pass(&stranger("alice", 100 + n), at(i64::from(n))).is_ok());
    }
    assert!(admitted < 80, "{admitted} guesses in 83 minutes");
    assert!(tries.pass(&stranger("alice", 1), at(5000)).is_err());
    let known = [name_from("alice", 1), Door::Address(origin(1))];
    assert_eq!(tries.pass(&known, at(5000)), Ok(()));
    assert_eq!(tries.pass(&stranger("bob", 1), at(5001)), Ok(()), "others are not touched");
    assert_eq!(tries.pass(&stranger("alice", 2), at(5000 + 3600)), Ok(()), "and it ends");
}

#[test]
fn a_hundred_tries_at_once_are_one() {
    let mut tries = Tries::default();
    let admitted = (0..100).filter(|_| tries.pass(&stranger("alice", 1), at(0)).is_ok()).count();
    assert_eq!(admitted, 1);
}

#[test]
fn one_address_that_goes_through_all_names_is_stopped() {
    let mut tries = Tries::default();
    let admitted = (0..1000).filter(|n| tries.pass(&stranger(&format!("u{n}"), 1), at(0)).is_ok()).count();
    assert_eq!(admitted, 5);
}

#[test]
fn an_ipv6_network_is_one_origin_and_a_mapped_address_is_its_v4() {
    let of = |text: &str| Origin::of(text.parse().expect("an address"));
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
}

#[test]
fn a_flood_of_addresses_takes_no_more_memory_and_does_not_wash_a_high_count_away() {
    let mut tries = Tries::default();
    let own = [name_from("alice", 1)];
    let mut now = 0;
    while now < 120 {
        now += tries.pass(&own, at(now)).map_or_else(|wait| i64::try_from(wait.as_secs()).expect("small"), |()| 0);
    }
    for n in 0..5_000 {
        let _ = tries.pass(&[name_from("x", 1000 + n)], at(now));
        assert!(tries.counts.len() <= MOST);
    }
    assert!(tries.counts[&own[0]].tries > 5, "the attacker's own count is still there");
}

proptest! {
    /// Whatever is tried and however the clock moves: no wait is longer than the door's, and who waits it out gets in.
    #[test]
    fn no_wait_is_longer_than_promised_and_after_it_the_door_is_open(
        steps in prop::collection::vec((0..4_u32, -5000..5000_i64, any::<bool>()), 1..200),
    ) {
        let mut tries = Tries::default();
        let mut now = 0;
        for (n, step, waits) in steps {
            now += step;
            let doors = stranger("alice", n);
            if let Err(wait) = tries.pass(&doors, at(now)) {
                prop_assert!(wait <= QUARTER && wait >= FIRST, "{wait:?}");
                if waits {
                    now += i64::try_from(wait.as_secs()).expect("small");
                    prop_assert_eq!(tries.pass(&doors, at(now)), Ok(()));
                }
            } else {
                prop_assert!(tries.pass(&doors, at(now)).is_err(), "counted at once");
            }
        }
    }
}
