//! NATS JetStream: each event is published into a stream and taken when the stream acknowledges it.
//!
//! ```text
//!   message (pure) ──► order (pure) ──► session ──► the stream's leader
//!   subject, headers    may it go now?   one connection, acks in their order
//! ```
//!
//! An event carries its id as `Nats-Msg-Id`, so that the stream drops what it is handed twice. The client library would
//! reconnect by itself and send what it still held, behind a gap: here a session is one connection, and its end is a fault.
//!
//! Promise: `taken` is the unbroken row of acknowledgements with a place in the stream, and events stand in the stream
//! in the queue's order, whatever becomes of its servers.

#[cfg(feature = "jetstream")]
mod faults;
#[cfg(feature = "jetstream")]
mod login;
#[cfg(feature = "jetstream")]
mod message;
#[cfg(feature = "jetstream")]
mod order;
#[cfg(feature = "jetstream")]
mod publisher;
#[cfg(feature = "jetstream")]
mod session;
mod settings;
#[cfg(feature = "jetstream")]
mod stream;
mod subject;

#[cfg(feature = "jetstream")]
pub use publisher::JetStream;
pub use settings::{Login, Settings};
pub use subject::Template;
