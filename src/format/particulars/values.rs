//! A field of the vendor's, of any type or missing, as a text, a list, an address or a time.
//!
//! Promise: pure and total; what is empty or of another type is nothing, and a text without escapes is not copied.

use std::borrow::Cow;
use std::net::IpAddr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Text;

/// A field as it stands in the answer.
pub type Raw<'a> = Option<&'a RawValue>;

/// The fields of an object; of anything else, and of one that names a field twice, none.
pub fn object<'a, T: Deserialize<'a> + Default>(json: &'a str) -> T {
    serde_json::from_str(json).unwrap_or_default()
}

/// The same of a field.
pub fn inner<'a, T: Deserialize<'a> + Default>(raw: Raw<'a>) -> T {
    raw.map(|raw| object(raw.get())).unwrap_or_default()
}

/// The content of a string, the digits of a number, the word of a flag. Blanks around it are no part of it.
pub fn text(raw: Raw<'_>) -> Option<Text<'_>> {
    let json = raw?.get();
    let text: Text<'_> = match json.as_bytes().first()? {
        b'"' => {
            let content = json.get(1..json.len() - 1)?;
            match content.contains('\\') {
                false => Cow::Borrowed(content.trim()),
                // A lone surrogate has no content in UTF-8: its escape is shown as the vendor wrote it.
                true => serde_json::from_str::<String>(json)
                    .map_or(Cow::Borrowed(content), |text| Cow::Owned(text.trim().to_owned())),
            }
        }
        b'-' | b'0'..=b'9' | b't' | b'f' => Cow::Borrowed(json),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The texts of a list, or the one that stands in its place.
pub fn texts(raw: Raw<'_>) -> Vec<Text<'_>> {
    entries(raw).map_or_else(|| text(raw).into_iter().collect(), |list| list.into_iter().filter_map(text).collect())
}

/// Mail addresses in a list, or in one text between commas. The vendor cuts such a text at 255 characters: what was cut
/// off in the middle is no address any more.
pub fn mail_list(raw: Raw<'_>) -> Vec<Text<'_>> {
    if let Some(list) = entries(raw) {
        return list.into_iter().filter_map(text).collect();
    }
    let Some(all) = text(raw) else { return Vec::new() };
    let cut = all.chars().count() >= 255;
    let mut parts: Vec<Text<'_>> = match all {
        Cow::Borrowed(all) => all.split(',').map(|part| Cow::Borrowed(part.trim())).collect(),
        Cow::Owned(all) => all.split(',').map(|part| Cow::Owned(part.trim().to_owned())).collect(),
    };
    if cut && parts.len() > 1 {
        parts.pop();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The entries of a list; `None`: it is none.
pub fn entries(raw: Raw<'_>) -> Option<Vec<Raw<'_>>> {
    let list: Vec<&RawValue> = serde_json::from_str(raw?.get()).ok()?;
    Some(list.into_iter().map(Some).collect())
}

/// A flag, also where it is written as a text (`"True"`).
pub fn flag(raw: Raw<'_>) -> Option<bool> {
    match text(raw)?.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// An IP address.
pub fn address(raw: Raw<'_>) -> Option<IpAddr> {
    text(raw)?.parse().ok()
}

/// RFC 3339 with any offset, also with a blank for the `T`; without an offset it is UTC.
pub fn time(raw: Raw<'_>) -> Option<Timestamp> {
    let text = text(raw)?;
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

/// Two fields of each entry of a list as one text: `Risky Location: A sign-in from where nobody works`.
pub fn pairs<'a, T: Deserialize<'a> + Default>(raw: Raw<'a>, of: fn(T) -> [Raw<'a>; 2]) -> Vec<Text<'a>> {
    let pair = |entry: Raw<'a>| match of(inner(entry)).map(text) {
        [Some(first), Some(second)] => Some(Cow::Owned(format!("{first}: {second}"))),
        [first, second] => first.or(second),
    };
    entries(raw).into_iter().flatten().filter_map(pair).collect()
}
