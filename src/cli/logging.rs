//! The log: journald with fields when the process is a service, text on stderr otherwise, JSON on request.
//!
//! Promise: up before the settings are read, so that their mistakes are logged properly.

use std::io::IsTerminal;

use clap::ValueEnum;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// journald where stderr is connected to it, text elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

/// Begins logging. `verbose`: 0 info, 1 debug, 2 everything of ours.
pub fn begin(format: LogFormat, verbose: u8) {
    // What the NATS client does about a connection by itself is told by our own faults, once.
    let level = match verbose {
        0 => "info,async_nats=off",
        1 => "info,conductor=debug,async_nats=off",
        _ => "debug,conductor=trace",
    };
    let filter = std::env::var("CONDUCTOR_LOG").ok().and_then(|wanted| wanted.parse::<Targets>().ok());
    let filter = filter.or_else(|| level.parse().ok()).unwrap_or_default();
    let registry = tracing_subscriber::registry().with(filter);
    let under_journald = format == LogFormat::Auto && std::env::var_os("JOURNAL_STREAM").is_some();
    if let Some(journald) = under_journald.then(tracing_journald::layer).and_then(Result::ok) {
        // A second subscriber in one process can't be; the first stays.
        let _ = registry.with(journald.with_syslog_identifier("conductor".into())).try_init();
        return;
    }
    let stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let _ = match format {
        LogFormat::Json => registry.with(stderr.json().flatten_event(true)).try_init(),
        LogFormat::Auto | LogFormat::Text => {
            registry.with(stderr.with_target(false).with_ansi(std::io::stderr().is_terminal())).try_init()
        }
    };
}
