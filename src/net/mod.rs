//! Dialling, TLS and the HTTP client.
