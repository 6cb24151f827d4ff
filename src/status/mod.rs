//! The room `status`.
