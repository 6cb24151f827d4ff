//! What the operator wrote, made into validated [`Settings`].

pub mod settings;

pub use settings::*;
