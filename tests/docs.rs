//! The documents say what the code says. `UPDATE_DOCS=1 cargo test --test docs` writes the generated parts again.

use std::fs;
use std::path::Path;

use conductor::status::Code;

const BEGIN: &str = "<!-- conditions: generated from src/status/conditions.rs -->\n";
const END: &str = "<!-- end of conditions -->\n";

#[test]
fn the_operators_guide_lists_every_condition_as_the_agent_tells_it() {
    let mut table = String::from("| Condition | Severity | Means | Do |\n|---|---|---|---|\n");
    for code in Code::ALL {
        let (word, severity) = (code.as_str(), code.severity());
        table.push_str(&format!("| `{word}` | {severity} | {} | {} |\n", code.meaning(), code.advice()));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operators-guide.md");
    let guide = fs::read_to_string(&path).expect("the guide");
    let (before, rest) = guide.split_once(BEGIN).expect("the table's beginning");
    let (_, after) = rest.split_once(END).expect("the table's end");
    let written = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &written).expect("written");
    }
    assert!(written == guide || std::env::var_os("UPDATE_DOCS").is_some(), "UPDATE_DOCS=1 cargo test --test docs");
}
