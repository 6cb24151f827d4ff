//! Second factors over a real folder and a real sealed store.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::totp;
use super::super::users::FactorKey;
use super::*;
use crate::secrets::store;

/// The key out of what a person would type.
fn key_of(enrolment: &Enrolment) -> Vec<u8> {
    let mut bits = Vec::new();
    for letter in enrolment.key.reveal().bytes() {
        let five = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
        bits.extend((0..5).rev().map(|i| five >> i & 1));
    }
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | bit)).collect()
}

fn code(key: &[u8], second: i64) -> String {
    totp::code(key, at(second).as_second() / 30).to_string()
}

/// Alice with an app, taken up at 100.
fn enrolled(this: &Box, opened: &Opened) -> (Vec<u8>, RecoveryCodes) {
    let begun = this.agent.begin_second_factor(opened.cookie.reveal(), PASSWORD, at(100)).expect("begun");
    let key = key_of(&begun);
    let codes = this.agent.confirm_second_factor(opened.cookie.reveal(), &code(&key, 100), at(100)).expect("confirmed");
    (key, codes)
}

fn login(this: &Box, second: Option<&str>, when: i64) -> Result<Opened, Denied> {
    this.agent.login("alice", PASSWORD, second, from(1), at(when))
}

#[test]
fn a_second_factor_is_asked_for_once_it_was_confirmed_and_a_code_counts_once() {
    let (this, opened) = Box::claimed();
    let other = login(&this, None, 50).expect("in");
    let cookie = opened.cookie.reveal();
    wrong(this.agent.begin_second_factor(cookie, OTHER, at(60)).map(|_| unreachable!()));
    refused(this.agent.confirm_second_factor(cookie, "123456", at(61)), "begin again");
    let begun = this.agent.begin_second_factor(cookie, PASSWORD, at(70)).expect("begun");
    let uri = begun.uri("acme mel/1");
    assert!(uri.reveal().starts_with("otpauth://totp/Conductor%20acme%20mel%2F1:alice?secret="), "{}", uri.reveal());
    assert!(login(&this, None, 71).is_ok(), "nothing changed yet");
    let (key, _) = enrolled(&this, &opened);
    assert!(this.is_in(&opened, 101) && !this.is_in(&other, 101), "the user's others ended");
    assert!(this.agent.session(cookie, at(101)).expect("in").second_factor);
    assert!(matches!(login(&this, None, 200), Err(Denied::SecondFactor)));
    assert!(matches!(login(&this, Some(" "), 200), Err(Denied::SecondFactor)));
    wrong(this.agent.login("alice", OTHER, Some(&code(&key, 200)), from(2), at(200)));
    wrong(login(&this, Some(&code(&key, 100)), 110));
    let right = code(&key, 300);
    let opened = login(&this, Some(&right), 300).expect("in");
    assert_eq!(opened.about, "by password and authenticator app");
    wrong(login(&this, Some(&right), 301));
    wrong(this.command().login("alice", PASSWORD, Some(&right), from(3), at(301)));
    assert!(matches!(login(&this, Some(&code(&key, 331)), 301), Err(Denied::Later(_))), "a wrong code is a wrong try");
    login(&this, Some(&code(&key, 331)), 331).expect("the next one counts");
}

#[test]
fn each_of_eight_recovery_codes_lets_in_once() {
    let (this, opened) = Box::claimed();
    let (_, RecoveryCodes(codes)) = enrolled(&this, &opened);
    assert_eq!(codes.len(), 8);
    let mut when = 200;
    for (n, one) in codes.iter().enumerate() {
        when += 10;
        let opened = login(&this, Some(&one.reveal().to_lowercase()), when).expect("in");
        assert_eq!(opened.about, format!("by password and a recovery code, {} are left", 7 - n));
        wrong(this.agent.login("alice", PASSWORD, Some(one.reveal()), from(n as u8 + 10), at(when)));
        assert!(!this.file("users.json").contains(one.reveal()));
    }
    assert_eq!(this.agent.users().expect("read")[0].recovery_codes, 0);
}

#[test]
fn a_lost_phone_is_helped_by_its_user_by_a_command_and_by_a_claim() {
    let (this, opened) = Box::claimed();
    enrolled(&this, &opened);
    let done = this.agent.drop_second_factor(opened.cookie.reveal(), PASSWORD, at(110)).expect("dropped");
    assert_eq!(done.about, "own second factor dropped");
    let opened = login(&this, None, 111).expect("in");
    enrolled(&this, &opened);
    this.command().reset_second_factor("alice").expect("dropped");
    assert!(!this.is_in(&opened, 112));
    let opened = login(&this, None, 113).expect("in");
    enrolled(&this, &opened);
    let claim = this.code(114);
    let opened = this.claim(claim.reveal(), 1, 115).expect("claimed");
    assert!(opened.about.contains("its second factor dropped"), "{}", opened.about);
    assert!(login(&this, None, 116).is_ok());
}

#[test]
fn the_apps_key_lies_in_the_sealed_store_and_leaves_it_with_the_factor() {
    let state = tempfile::tempdir().expect("a folder");
    let sources = SecretSources { credentials_dir: None, state_dir: state.path().to_owned() };
    let agent = Access::open_sealed(state.path().join("access"), sources.clone()).expect("opened");
    let this = Box { state, agent };
    let claim = this.code(0);
    let opened = this.claim(claim.reveal(), 1, 1).expect("claimed");
    let (key, _) = enrolled(&this, &opened);
    let kept = this.file("users.json");
    assert!(!kept.contains(&STANDARD.encode(&key)) && kept.contains("sealed"), "{kept}");
    assert_eq!(store::list(&sources).expect("listed").len(), 1);
    login(&this, Some(&code(&key, 200)), 200).expect("in");
    let entry = &store::list(&sources).expect("listed")[0].name;
    assert_eq!(this.command().whose_key(entry).expect("looked"), Some("alice".into()));
    assert_eq!(this.agent.whose_key(&"acme".parse().expect("a name")).expect("looked"), None);
    let sealed = store::path(store::list(&sources).expect("listed")[0].name.as_str(), &sources);
    fs::write(&sealed, "damaged").expect("written");
    let Err(Denied::Broken(told)) = login(&this, Some(&code(&key, 300)), 300) else { panic!("let in") };
    assert!(told.to_string().contains("drop-second-factor"), "{told}");
    this.agent.remove_user("alice").expect_err("the last admin");
    this.agent.reset_second_factor("alice").expect("dropped");
    assert_eq!(store::list(&sources).expect("listed").len(), 0);
    assert!(matches!(FactorKey::plain(&key), FactorKey::Plain(_)));
}
