//! A record of many ids in their order, each with what stands beside it.
//!
//! Promise: pure; what comes out is what went in, and what is damaged is nothing.

use std::iter;

/// An id, and its value.
pub type Item = (String, Vec<u8>);

/// Ids of a record, at the most.
pub const MOST: usize = 64;
/// Its bytes, at the most: sled writes sixteen records anew when one of them has changed often enough, and no page of its must
/// come near 128 KiB (docs/decisions/0001).
const BYTES: usize = 4 << 10;
/// Bytes of an item that is packed, at the most; a longer one keeps its own record.
const LONGEST: usize = 1024;

/// Is it short enough?
pub fn fits((id, value): &Item) -> bool {
    id.len() + value.len() <= LONGEST
}

/// For each item: the bytes that its id shares with the one before, those that it does not, those of its value (16 bits each,
/// little endian), and then the latter two.
pub fn pack(items: &[Item]) -> Vec<u8> {
    let mut record = Vec::new();
    let mut before = "";
    for (id, value) in items {
        let same = id.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        let rest = &id.as_bytes()[same..];
        for length in [same, rest.len(), value.len()] {
            // Items fit: see [`fits`].
            record.extend_from_slice(&u16::try_from(length).unwrap_or_default().to_le_bytes());
        }
        record.extend_from_slice(rest);
        record.extend_from_slice(value);
        before = id;
    }
    record
}

/// The items of a record; `None`: it is none.
pub fn unpack(mut record: &[u8]) -> Option<Vec<Item>> {
    let mut items: Vec<Item> = Vec::with_capacity(MOST);
    while !record.is_empty() {
        let (head, after) = record.split_at_checked(6)?;
        let length = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
        let (rest, after) = after.split_at_checked(length(2))?;
        let (value, after) = after.split_at_checked(length(4))?;
        let before = items.last().map_or(&b""[..], |(id, _)| id.as_bytes());
        let id = [before.get(..length(0))?, rest].concat();
        items.push((String::from_utf8(id).ok()?, value.to_vec()));
        record = after;
    }
    Some(items)
}

/// Cuts items into records: one, or as many as have room for those that come between them later.
pub fn parted(items: &[Item]) -> impl Iterator<Item = &[Item]> {
    let sizes = items.iter().map(size).sum::<usize>();
    let (most, bytes) =
        if items.len() <= MOST && sizes <= BYTES { (MOST, BYTES) } else { (MOST * 3 / 4, BYTES * 3 / 4) };
    let mut left = items;
    iter::from_fn(move || {
        let mut sum = 0;
        let room = left.iter().take(most).take_while(|item| {
            sum += size(item);
            sum <= bytes
        });
        let (part, after) = left.split_at(room.count().max(1).min(left.len()));
        left = after;
        (!part.is_empty()).then_some(part)
    })
}

/// Bytes of an item in a record, at the most.
fn size((id, value): &Item) -> usize {
    6 + id.len() + value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: usize) -> Vec<Item> {
        (0..count).map(|n| (format!("acme/threats/{n:04}ü/v"), vec![7; n % 40])).collect()
    }

    #[test]
    fn what_is_packed_comes_out_as_it_was() {
        for count in [0, 1, 2, 32] {
            let items = items(count);
            assert_eq!(unpack(&pack(&items)), Some(items));
        }
        let shared = vec![("a".to_owned(), vec![]), ("aé".to_owned(), vec![1]), ("aè".to_owned(), vec![2])];
        assert_eq!(unpack(&pack(&shared)), Some(shared), "cut within a character");
    }

    #[test]
    fn a_record_that_is_cut_or_changed_gives_nothing_or_something_and_never_ends_us() {
        let record = pack(&items(5));
        for end in 1..record.len() {
            unpack(&record[..end]);
            for bit in [1, 128] {
                let mut changed = record.clone();
                changed[end] ^= bit;
                unpack(&changed);
            }
        }
        assert_eq!(unpack(&record[..record.len() - 1]), None);
    }

    #[test]
    fn a_record_that_grew_too_long_is_parted_with_room_in_each() {
        for (count, weight) in (0..300).flat_map(|count| [(count, 12), (count, 90), (count, 300), (count, 1000)]) {
            let items: Vec<Item> = (0..count).map(|n| (format!("acme/threats/{n:04}/v"), vec![7; weight])).collect();
            let parts: Vec<&[Item]> = parted(&items).collect();
            assert_eq!(parts.concat(), items);
            let room = |part: &&[Item]| part.len() <= MOST * 3 / 4 && pack(part).len() <= BYTES * 3 / 4;
            let one = parts.len() <= 1 && count <= MOST && pack(&items).len() <= BYTES;
            assert!(one || parts.iter().all(room), "{count} of {weight}");
            assert!(parts.iter().all(|part| !part.is_empty()));
        }
    }
}
