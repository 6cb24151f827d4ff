//! What the kernel holds of connections to a port on this machine (proc_net_tcp(5)).

/// Bytes under way to a listener, over all connections to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Sent by us, and not taken by the listener's side: it has no room.
    pub unsent: u64,
    /// Taken by the listener's side, and not read by its process.
    pub unread: u64,
}

/// As it is now; `table` is /proc/net/tcp.
pub fn held(table: &str, port: u16) -> Held {
    let here = format!(":{port:04X}");
    let mut held = Held::default();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, _, queues, ..] = fields[..] else { continue };
        let count = |at: usize| queues.split(':').nth(at).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        match (local.ends_with(&here), remote.ends_with(&here)) {
            // A listener counts connections in the same column.
            (true, _) if remote.ends_with(":0000") => {}
            (true, _) => held.unread += count(1).unwrap_or_default(),
            (false, true) => held.unsent += count(0).unwrap_or_default(),
            (false, false) => {}
        }
    }
    held
}

#[test]
fn both_ends_of_a_connection_are_told_apart_and_a_listener_counts_nothing() {
    let table = "  sl  local_address rem_address   st tx_queue rx_queue\n\
                 0: 0100007F:1972 00000000:0000 0A 00000000:00000003 00:0 0\n\
                 1: 0100007F:1972 0100007F:C000 01 00000000:00000100 00:0 0\n\
                 2: 0100007F:C000 0100007F:1972 01 00000020:00000000 00:0 0\n\
                 3: 0100007F:C000 0100007F:1973 01 00000040:00000040 00:0 0\n";
    assert_eq!(held(table, 0x1972), Held { unsent: 0x20, unread: 0x100 });
}
