//! What a real receiver understands: rsyslog reads the header of both standards, and its liblognorm, which has a CEF
//! parser of its own, every field of a CEF message.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use conductor::event::{Event, Seq, Severity, Stored};
use conductor::format::Shape;
use conductor::format::rfc3164::Rfc3164;
use conductor::format::rfc5424::{Rfc5424, facility};
use serde_json::Value;

use crate::receivers::{Plan, Receiver, free_port};
use crate::{at, events, own};

/// The member of a parsed CEF message that holds its extension, as liblognorm calls it.
const EXTENSIONS: &str = "Extensions";

/// Plain TCP on loopback, a line of JSON for each message, and the fields that mmnormalize found in it.
fn rsyslog(dir: &Path) -> Receiver {
    let (port, here) = (free_port(), dir.display());
    fs::create_dir_all(dir.join("state")).expect("its folder");
    // RFC 3164 leaves the blank behind the TAG's colon to MSG.
    fs::write(dir.join("cef.rulebase"), "version=2\nrule=:%f:cef%\nrule=: %f:cef%\n").expect("the rules");
    let members =
        ["pri", "timereported", "hostname", "app-name", "procid", "msgid", "structured-data", "msg", "rawmsg"];
    let outnames = ["pri", "timestamp", "hostname", "app-name", "proc-id", "msg-id", "structured-data", "msg", "raw"];
    let properties: String = members
        .iter()
        .zip(outnames)
        .map(|(name, out)| {
            let date = if *name == "timereported" { r#" dateFormat="rfc3339""# } else { "" };
            format!("property(name=\"{name}\" outname=\"{out}\"{date} format=\"jsonf\") constant(value=\",\") ")
        })
        .collect();
    let settings = format!(
        r#"global(workDirectory="{here}/state" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imtcp") module(load="mmnormalize")
template(name="whole" type="list") {{ constant(value="{{") {properties}
  property(name="$!all-json" outname="fields" format="jsonf") constant(value="}}\n") }}
ruleset(name="keep" queue.type="Direct") {{
  action(type="mmnormalize" rulebase="{here}/cef.rulebase")
  action(type="omfile" file="{here}/messages" template="whole") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="keep")
"#
    );
    fs::write(dir.join("rsyslog.conf"), settings).expect("its settings");
    let text = |name: &str| dir.join(name).display().to_string();
    let arguments = ["-n", "-f", &text("rsyslog.conf"), "-i", &text("pid")].map(str::to_owned).to_vec();
    Receiver::start(Plan { program: "rsyslogd", arguments, dir: dir.to_owned(), port })
}

/// An event whose texts try to break out of every field.
fn nasty() -> Event {
    let summary = "a|b \\ c=d externalId=forged |x| \\= end";
    let raw =
        r#"{"subject":"x=1|y\\z\nsecond line duser=forged","fromAddress":"a=b@c.example","attackType":"Mal|ware\\"}"#;
    let mut event = own("threat", Severity::Critical, summary, raw);
    event.occurred = at("2026-11-09T08:14:02Z");
    event
}

#[tokio::test]
async fn rsyslog_reads_every_field_of_every_cef_message_by_either_standard_as_it_was_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = rsyslog(folder.path());
    let mut events = events().await;
    events.push(nasty());
    let shape = Shape::from_word("cef").expect("a format");
    let facility = facility("local3").expect("a keyword");
    let new = Rfc5424::new(facility, "acme-mel-1", "conductor", 32473).shaped(shape);
    let old = Rfc3164::new(facility, "acme-mel-1", "conductor").shaped(shape);
    let mut frames = Vec::new();
    let stored: Vec<Stored> = (1..).zip(events).map(|(seq, event)| Stored { seq: Seq(seq), event }).collect();
    for one in &stored {
        new.frame(&mut frames, one).expect("a Vec");
        old.frame(&mut frames, one).expect("a Vec");
    }
    TcpStream::connect(receiver.address()).and_then(|mut wire| wire.write_all(&frames)).expect("it is sent");
    let got = receiver.wait_for_lines(2 * stored.len(), Duration::from_secs(120));
    let written = fs::read_to_string(folder.path().join("messages")).expect("what it wrote");
    let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((got.len(), lines.len()), (2 * stored.len(), 2 * stored.len()));
    for (stored, pair) in stored.iter().zip(lines.chunks(2)) {
        for line in pair {
            let event = &stored.event;
            assert_eq!((&line["hostname"], &line["app-name"]), (&"acme-mel-1".into(), &"conductor".into()), "{line}");
            let fields = fields(&line["fields"]).unwrap_or_else(|| panic!("no CEF in {line}"));
            assert_eq!(fields.get("externalId"), Some(&event.id.to_string()), "{line}");
            let rt = event.occurred.as_millisecond().to_string();
            assert_eq!((fields.get("rt"), fields.get("cat")), (Some(&rt), Some(&event.stream.to_string())), "{line}");
            // The first key lacks its first letter: liblognorm's, not ours, and known.
            assert_eq!(fields.get("n1"), Some(&stored.seq.to_string()), "{line}");
            assert_eq!(fields.get("msg").map_or("", String::as_str), &*event.summary, "{line}");
        }
        // A header without a year and a zone says the same second.
        let second = |line: &Value| line["timestamp"].as_str().map(|text| text[5..19].to_owned());
        assert_eq!(second(&pair[0]), second(&pair[1]));
    }
    let nasty = fields(&lines[2 * stored.len() - 1]["fields"]).expect("CEF");
    assert_eq!(nasty["cs2"], "x=1|y\\z\nsecond line duser=forged");
    assert_eq!((nasty["suser"].as_str(), nasty["DeviceVendor"].as_str()), ("a=b@c.example", "Abnormal Security"));
    assert_eq!((nasty["Name"].as_str(), nasty["Severity"].as_str()), ("Mal|ware\\", "10"));
    assert!(!nasty.contains_key("duser"), "nothing forged: {nasty:?}");
}

/// Header and extension of a message in one table; `None`: liblognorm found no CEF.
fn fields(found: &Value) -> Option<BTreeMap<String, String>> {
    let found: Value = match found {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    let cef = found["f"].as_object()?;
    let extensions = cef.get(EXTENSIONS)?.as_object()?;
    let all = cef.iter().chain(extensions).filter(|(name, _)| *name != EXTENSIONS);
    all.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
