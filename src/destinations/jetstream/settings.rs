//! What the operator set of a JetStream destination beside the way to it. Validated by `config`.
//!
//! Promise: a login is only ever a reference here; the secrets themselves come when the destination is built.

use crate::destinations::jetstream::subject::Template;
use crate::values::SecretRef;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The other servers of the cluster, `host:port` each.
    pub servers: Vec<String>,
    pub login: Login<SecretRef>,
    pub stream: String,
    pub subject: Template,
    /// Servers that keep each event; `None`: three in a cluster, one on a server that is alone.
    pub replicas: Option<usize>,
    /// Is the stream made where it is not there?
    pub create: bool,
    /// Events on their way without an acknowledgement.
    pub window: usize,
}

/// Who we say that we are. A server takes of it what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login<S> {
    /// The text of a .creds file.
    pub credentials: Option<S>,
    /// A user's name and password.
    pub user: Option<(String, S)>,
    pub token: Option<S>,
}

impl<S> Login<S> {
    /// Every secret of it, under the key that refers to it.
    pub fn secrets(&self) -> Vec<(&'static str, &S)> {
        let password = self.user.as_ref().map(|(_, password)| ("password", password));
        let credentials = self.credentials.iter().map(|text| ("credentials", text));
        credentials.chain(password).chain(self.token.iter().map(|token| ("token", token))).collect()
    }

    /// The same with each secret looked up.
    ///
    /// # Errors
    /// The first that `look_up` tells.
    pub fn resolved<T, E>(&self, look_up: impl Fn(&S) -> Result<T, E>) -> Result<Login<T>, E> {
        Ok(Login {
            credentials: self.credentials.as_ref().map(&look_up).transpose()?,
            user: match &self.user {
                Some((name, password)) => Some((name.clone(), look_up(password)?)),
                None => None,
            },
            token: self.token.as_ref().map(&look_up).transpose()?,
        })
    }
}
