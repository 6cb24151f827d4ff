//! A JSON object of what there is: schemas with many fields, of which an event has some.
//!
//! Promise: no member is empty: nothing, an empty text, list or object is left out, at any depth. The object is one line.

use std::io::{self, Write};

use serde_json::Value;

use super::particulars::Text;
use super::shortening::Extent;

/// Writes an object, without what is empty.
///
/// # Errors
/// Those of the writer.
pub fn write<W: Write>(w: &mut W, mut object: Value) -> io::Result<()> {
    prune(&mut object);
    serde_json::to_writer(w, &object).map_err(io::Error::from)
}

/// A text read from an event, as far as its extent lets it be written.
pub fn text(of: &Option<Text<'_>>, extent: Extent) -> Value {
    of.as_deref().and_then(|text| extent.field(text)).map(Value::from).unwrap_or_default()
}

/// The same of a list.
pub fn texts(of: &[Text<'_>], extent: Extent) -> Value {
    of.iter().take(extent.entries()).filter_map(|text| extent.field(text)).map(Value::from).collect()
}

/// Takes out what is empty; is it empty itself?
fn prune(value: &mut Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => {
            entries.retain_mut(|entry| !prune(entry));
            entries.is_empty()
        }
        Value::Object(members) => {
            members.retain(|_, member| !prune(member));
            members.is_empty()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_empty_is_left_out_at_any_depth_and_zero_and_false_are_not_empty() {
        let mut out = Vec::new();
        let object = json!({"a": null, "b": {"c": [{}, "", null], "d": {"e": ""}}, "f": 0, "g": false, "h": ["x", ""]});
        write(&mut out, object).expect("a Vec");
        assert_eq!(out, br#"{"f":0,"g":false,"h":["x"]}"#);
    }
}
