//! Who we say that we are, as a server asks for it: a JWT and a signature over its nonce, a user, a token.
//!
//! Promise: no error of this file repeats any of it.

use std::fmt;

use async_nats::{Auth, AuthError};
use nkeys::KeyPair;

use super::settings::Login;
use crate::fault::{Fault, FaultKind};
use crate::values::Secret;

/// A login that is ready to answer.
pub(super) struct Answer {
    login: Login<Secret>,
    /// The JWT, and the key that signs.
    credentials: Option<(Secret, KeyPair)>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("login", &self.login).finish_non_exhaustive()
    }
}

impl Answer {
    /// # Errors
    /// `Keyless` for credentials that are none.
    pub(super) fn new(login: Login<Secret>) -> Result<Answer, Fault> {
        let credentials = login.credentials.as_ref().map(|text| read(text.reveal())).transpose()?;
        Ok(Answer { login, credentials })
    }

    /// What goes into CONNECT; `nonce` is what the server wants signed.
    pub(super) fn to(&self, nonce: &[u8]) -> Result<Auth, AuthError> {
        let mut auth = Auth::new();
        if let Some((jwt, key)) = &self.credentials {
            let signature = key.sign(nonce).map_err(|_| AuthError::new("the nonce can't be signed"))?;
            auth.jwt = Some(jwt.reveal().to_owned());
            auth.signature = Some(signature);
        }
        if let Some((name, password)) = &self.login.user {
            auth.username = Some(name.clone());
            auth.password = Some(password.reveal().to_owned());
        }
        auth.token = self.login.token.as_ref().map(|token| token.reveal().to_owned());
        Ok(auth)
    }
}

/// The two parts of a .creds file.
fn read(text: &str) -> Result<(Secret, KeyPair), Fault> {
    let wrong = |what: &str| {
        let sentence = format!(
            "`credentials` {what}: it must be the text of a .creds file, with a user's JWT and its seed (nsc generate creds)"
        );
        Fault::new(FaultKind::Keyless, sentence)
    };
    let jwt = part(text, "NATS USER JWT").ok_or_else(|| wrong("holds no JWT"))?;
    let seed = part(text, "USER NKEY SEED").ok_or_else(|| wrong("holds no seed"))?;
    // What the parser says of a seed is not kept: it might quote it.
    let key = KeyPair::from_seed(seed).map_err(|_| wrong("holds a seed that is none"))?;
    Ok((Secret::new(jwt), key))
}

/// The line between `-----BEGIN NAME-----` and its end; the number of dashes varies.
fn part<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let is = |line: &str, edge: &str| {
        let line = line.trim();
        line.starts_with("---") && line.ends_with("---") && line.trim_matches('-').trim() == format!("{edge} {name}")
    };
    let mut lines = text.lines().skip_while(|line| !is(line, "BEGIN"));
    lines.next()?;
    lines.take_while(|line| !line.trim().starts_with("---")).map(str::trim).find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(credentials: &str) -> Login<Secret> {
        Login { credentials: Some(Secret::new(credentials)), user: None, token: None }
    }

    #[test]
    fn credentials_sign_the_nonce_with_their_seed() {
        let pair = KeyPair::new_user();
        let seed = pair.seed().expect("its seed");
        let text = format!(
            "-----BEGIN NATS USER JWT-----\r\neyJ0.e30.x\r\n------END NATS USER JWT------\r\n\r\n*** IMPORTANT ***\r\n\
             -----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\r\n"
        );
        let auth = Answer::new(login(&text)).expect("credentials").to(b"nonce").expect("signed");
        assert_eq!(auth.jwt.as_deref(), Some("eyJ0.e30.x"));
        pair.verify(b"nonce", &auth.signature.expect("a signature")).expect("it is by this key");
    }

    #[test]
    fn what_is_no_credentials_is_keyless_and_never_repeated() {
        for text in [
            "",
            "CANARY",
            "-----BEGIN NATS USER JWT-----\nCANARY\n",
            "-----BEGIN NATS USER JWT-----\nCANARY\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\nCANARY\n---",
        ] {
            let fault = Answer::new(login(text)).expect_err(text);
            assert_eq!(fault.kind, FaultKind::Keyless);
            assert!(!fault.chain().contains("CANARY"), "{}", fault.chain());
        }
        let all = Login {
            credentials: None,
            user: Some(("u".into(), Secret::new("CANARY-1"))),
            token: Some(Secret::new("CANARY-2")),
        };
        let answer = Answer::new(all).expect("nothing to read");
        assert!(!format!("{answer:?}").contains("CANARY"));
        let auth = answer.to(b"").expect("an answer");
        assert_eq!((auth.password.as_deref(), auth.token.as_deref()), (Some("CANARY-1"), Some("CANARY-2")));
    }
}
