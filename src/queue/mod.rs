//! The room `queue`.
