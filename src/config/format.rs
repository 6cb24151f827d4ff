//! The schema of what a destination is handed: `format`, and the keys that only some schemas have.
//!
//! Promise: a number stands on its schema's scale, and a key that would change nothing is a mistake.

use super::reader::TableReader;
use super::sections::SEVERITIES;
use super::settings::Shape;
use crate::event::Severity;

/// Reads them; a type without these keys has their defaults.
pub fn format(reader: &mut TableReader<'_, '_, '_>) -> Option<Shape> {
    let mut shape = reader.choice("format").and_then(Shape::from_word)?;
    if let Some(class) = reader.choice("ocsf-class")
        && !shape.set_class(class)
        && reader.has("ocsf-class")
    {
        reader.wrong("ocsf-class", "belongs to format = \"ocsf\"", "take it out, or set the format");
    }
    if let Some(table) = reader.take_table("severities", &SEVERITIES) {
        let mut table = TableReader::new(table, reader.findings);
        let counts = Severity::ALL.map(|of| table.has(of.as_str()).then(|| table.count(of.as_str())).flatten());
        let Some((numbers, scale)) = shape.severities() else {
            reader.wrong(
                "severities",
                "has no place in json, which says the word",
                "take it out, or set another format",
            );
            return None;
        };
        for (severity, count) in Severity::ALL.into_iter().zip(counts) {
            match count.map(u8::try_from) {
                None => {}
                Some(Ok(number)) if scale.contains(&number) => *numbers = numbers.with(severity, number),
                Some(Ok(_) | Err(_)) => {
                    let sentence = format!("must be from {} to {} in this format", scale.start(), scale.end());
                    table.wrong(severity.as_str(), &sentence, "docs/formats.md tells the scale of each");
                }
            }
        }
    }
    Some(shape)
}
