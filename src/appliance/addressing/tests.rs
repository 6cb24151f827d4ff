//! What may be asked, what is made of it, and what a file of the agent can't smuggle in.

use super::*;

fn fixed(addresses: &[&str], gateways: &[&str]) -> Typed {
    let strings = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
    Typed {
        mode: "static".into(),
        addresses: strings(addresses),
        gateways: strings(gateways),
        dns: strings(&["192.0.2.53"]),
        ..Typed::default()
    }
}

/// The keys that are wrong, in order.
fn wrong(typed: &Typed) -> Vec<&'static str> {
    typed.check().err().unwrap_or_default().iter().map(|wrong| wrong.key).collect()
}

#[test]
fn a_static_address_becomes_a_file_that_says_nothing_else() {
    let typed = Typed {
        ntp: vec!["ntp.acme.example".into(), "192.0.2.123".into()],
        domain: "acme.example".into(),
        interface: "eth0".into(),
        ..fixed(&["192.0.2.20/24", "2001:db8::20/64"], &["192.0.2.1", "fe80::1"])
    };
    let asked = typed.check().expect("it holds");
    assert_eq!(
        asked.network_file(),
        "# Made of what was asked for on the page or the console; the next asked takes its place.\n[Match]\nName=eth0\n\n\
         [Network]\nIPv6PrivacyExtensions=no\nDHCP=no\nIPv6AcceptRA=no\nAddress=192.0.2.20/24\nAddress=2001:db8::20/64\n\
         Gateway=192.0.2.1\nGateway=fe80::1\nDNS=192.0.2.53\nNTP=ntp.acme.example\nNTP=192.0.2.123\nDomains=acme.example\n"
    );
}

#[test]
fn servers_that_were_named_beside_dhcp_are_the_only_ones() {
    let text = Asked::dhcp().network_file();
    assert!(text.contains("Name=en* eth*\n") && text.contains("DHCP=yes\n") && !text.contains("UseDNS=no"), "{text}");
    let typed = Typed { mode: "dhcp".into(), dns: vec!["192.0.2.53".into()], ..Typed::default() };
    let text = typed.check().expect("it holds").network_file();
    assert!(text.contains("DNS=192.0.2.53\n") && text.matches("UseDNS=no\n").count() == 3, "{text}");
    assert_eq!(text.matches("UseNTP=yes\n").count(), 2, "{text}");
}

#[test]
fn what_is_asked_comes_back_from_its_file_as_it_was() {
    let typed = Typed { domain: "acme.example".into(), ..fixed(&["192.0.2.20/24"], &["192.0.2.1"]) };
    for asked in [Asked::dhcp(), typed.check().expect("it holds")] {
        let read = Typed::read(&asked.asked_file()).expect("a file").check();
        assert_eq!(read.as_ref(), Ok(&asked));
        let told: Typed = serde_json::from_str(&asked.asked_json()).expect("JSON");
        assert_eq!(told, asked.typed());
    }
}

#[test]
fn addresses_that_no_machine_can_have_are_refused() {
    for bad in [
        "192.0.2.20",
        "192.0.2.20/0",
        "192.0.2.20/33",
        "192.0.2.20/+24",
        "192.0.2.20/024444",
        "192.0.2.20/255.255.255.0",
        "192.0.2.300/24",
        "0.0.0.0/24",
        "127.0.0.1/8",
        "224.0.0.1/24",
        "255.255.255.255/32",
        "240.0.0.1/24",
        "169.254.1.1/16",
        "192.0.2.0/24",
        "192.0.2.255/24",
        "::/64",
        "::1/128",
        "ff02::1/64",
        "fe80::20/64",
        "::ffff:192.0.2.20/120",
        "2001:db8::/64",
        "192.0.2.20/24\nDHCP=yes",
        "",
    ] {
        assert!(wrong(&fixed(&[bad], &["192.0.2.1"])).contains(&"addresses"), "{bad:?}");
    }
    assert_eq!(wrong(&fixed(&[], &["192.0.2.1"])), ["addresses", "gateways"]);
    assert_eq!(wrong(&fixed(&["192.0.2.20/24", "192.0.2.20/25"], &["192.0.2.1"])), ["addresses"]);
    let nine: Vec<String> = (1..10).map(|n| format!("192.0.2.{n}/24")).collect();
    let nine: Vec<&str> = nine.iter().map(String::as_str).collect();
    assert_eq!(wrong(&fixed(&nine, &["192.0.2.100"])), ["addresses"]);
}

#[test]
fn a_gateway_that_the_box_could_not_reach_is_refused() {
    for (address, gateway) in [
        ("192.0.2.20/24", "192.0.3.1"),
        ("192.0.2.20/28", "192.0.2.40"),
        ("192.0.2.20/24", "192.0.2.20"),
        ("192.0.2.20/24", "192.0.2.255"),
        ("192.0.2.20/24", "192.0.2.0"),
        ("192.0.2.20/24", "2001:db8::1"),
        ("192.0.2.20/24", "fe80::1"),
        ("192.0.2.20/24", "224.0.0.1"),
        ("192.0.2.20/32", "192.0.2.1"),
        ("2001:db8::20/64", "2001:db8:1::1"),
        ("2001:db8::20/128", "2001:db8::1"),
        ("192.0.2.20/24", "router.acme.example"),
    ] {
        assert_eq!(wrong(&fixed(&[address], &[gateway])), ["gateways"], "{address} {gateway}");
    }
    for (address, gateway) in [
        ("192.0.2.20/31", "192.0.2.21"),
        ("192.0.2.20/1", "129.0.0.1"),
        ("2001:db8::20/127", "2001:db8::21"),
        ("2001:db8::20/64", "fe80::1"),
    ] {
        assert_eq!(fixed(&[address], &[gateway]).check().err(), None, "{address} {gateway}");
    }
    assert_eq!(wrong(&fixed(&["192.0.2.20/24"], &[])), ["gateways"]);
    assert_eq!(wrong(&fixed(&["192.0.2.20/24"], &["192.0.2.1", "192.0.2.2"])), ["gateways"]);
}

#[test]
fn nothing_breaks_out_of_its_line() {
    let sound = fixed(&["192.0.2.20/24"], &["192.0.2.1"]);
    assert_eq!(sound.check().err(), None);
    for evil in ["a\nDHCP=yes", "a b", "a;b", "a\\", "*", "eth[01]", "!eth0", "%i", "a/b", "..", "\u{e9}th0", "a\0"] {
        let name = |typed: Typed| wrong(&typed);
        assert_eq!(name(Typed { interface: evil.into(), ..sound.clone() }), ["interface"], "{evil:?}");
        assert_eq!(name(Typed { domain: evil.into(), ..sound.clone() }), ["domain"], "{evil:?}");
        assert_eq!(name(Typed { ntp: vec![evil.into()], ..sound.clone() }), ["ntp"], "{evil:?}");
        assert_eq!(name(Typed { dns: vec![evil.into()], ..sound.clone() }), ["dns"], "{evil:?}");
        assert_eq!(name(Typed { mode: evil.into(), ..sound.clone() }), ["mode"], "{evil:?}");
    }
    for (dns, ntp) in [("0.0.0.0", "192.0.2"), ("127.0.0.53", "999.0.2.1"), ("ff02::fb", "-a.example"), ("::", "a..b")]
    {
        let typed = Typed { dns: vec![dns.into()], ntp: vec![ntp.into()], ..sound.clone() };
        assert_eq!(wrong(&typed), ["dns", "ntp"], "{dns} {ntp}");
    }
    assert_eq!(wrong(&Typed { domain: "a".repeat(64), ..sound.clone() }), ["domain"]);
    assert_eq!(wrong(&Typed { interface: "lo".into(), ..sound }), ["interface"]);
}

#[test]
fn a_file_that_is_none_of_ours_is_refused_with_a_sentence() {
    for bad in ["", "mode = \"dhcp\"\nrun = \"rm -rf /\"", "mode = 1", "mode", "\0", "[network]\nmode = \"dhcp\""] {
        let refused = Typed::read(bad).and_then(|typed| typed.check());
        let refused = refused.expect_err(bad);
        assert!(refused.iter().all(|wrong| wrong.sentence.ends_with('.')), "{bad:?}: {refused:?}");
    }
    let both = Typed { mode: "dhcp".into(), ..fixed(&["192.0.2.20/24"], &["192.0.2.1"]) };
    assert_eq!(wrong(&both), ["addresses", "gateways"], "DHCP and static at once");
}

#[test]
fn of_many_addresses_it_is_told_which_one_is_wrong_and_never_what_was_typed() {
    let told = fixed(&["192.0.2.20/24", "CANARY/24"], &["192.0.2.1"]).check().expect_err("wrong");
    assert_eq!(
        told.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["addresses: number 2 is not an address with its prefix length, as in 192.0.2.20/24."]
    );
}

#[test]
fn a_wish_and_an_answer_lie_where_the_system_looks_and_what_it_tells_is_read() {
    let state = tempfile::tempdir().expect("a folder");
    assert_eq!(told(state.path()).expect("nothing yet"), Told::default());
    ask(state.path(), &Asked::dhcp()).expect("written");
    answer(state.path(), "7", Answer::Keep).expect("written");
    let folder = state.path().join("network");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect(name);
    assert_eq!((read("asked.toml").as_str(), read("answer").as_str()), ("mode = \"dhcp\"\n", "keep 7\n"));
    answer(state.path(), "7", Answer::GoBack).expect("written");
    assert_eq!(read("answer"), "back 7\n");
    let text = r#"{"current":null,"asked":{"mode":"dhcp"},"outcome":"trying","why":"x","id":"7",
        "until":"2026-11-21T12:05:00Z","later":1}"#;
    std::fs::write(folder.join("state.json"), text).expect("written");
    assert!(told(state.path()).expect("read").waits());
    std::fs::write(folder.join("state.json"), text.replace("trying", "applied")).expect("written");
    assert!(!told(state.path()).expect("read").waits());
    std::fs::write(folder.join("state.json"), "{").expect("written");
    assert!(told(state.path()).is_err());
}
