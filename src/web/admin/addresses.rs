//! An appliance's own addresses: what holds, what is on trial, the form that asks for others, and the word that keeps them.
//!
//! Promise: nothing is asked of the system that it would refuse, and nothing while a trial is under way; each wish and each
//! word about a trial is recorded. Where there is no appliance this is said, and nothing is asked.

use std::net::IpAddr;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::form::Form;
use super::frame::{self, Frame, Place};
use super::posted::Posted;
use super::sheet::{Field, Input, Wrong};
use super::visit::Visit;
use super::{Desk, acts, part, shown};
use crate::appliance::addressing::{self, Answer, Asked, Outcome, Told, Typed};
use crate::appliance::update;
use crate::status::Snapshot;

const ABOUT: &str = "Save puts the settings on trial: the gateway has to answer within a minute and a half, and then you \
                     have five minutes to open these pages at the new address and keep them. Else the box goes back by itself.";

/// What the network page shows of them.
pub(super) struct Card {
    pub tone: &'static str,
    pub word: &'static str,
    pub text: String,
    /// What holds, key by key; empty: DHCP as the box came, or what a volume brought.
    pub current: Vec<(&'static str, String)>,
    /// What is on trial, or was asked last and does not hold.
    pub asked: Vec<(&'static str, String)>,
    /// The id of a trial that waits for a word, and until when.
    pub waits: Option<(String, String)>,
    /// A trial is under way: nothing else is to be asked.
    pub busy: bool,
}

impl Card {
    /// For a blocking thread. `None`: this is no appliance.
    pub(super) fn look(desk: &Desk) -> Option<Card> {
        update::appliance(&desk.version_file)?;
        Some(match addressing::told(&desk.secrets.state_dir) {
            Ok(told) => Card::new(&told),
            Err(error) => Card {
                tone: "bad",
                word: "not known",
                text: format!("What the system tells of its network can't be read: {error}."),
                current: Vec::new(),
                asked: Vec::new(),
                waits: None,
                busy: false,
            },
        })
    }

    fn new(told: &Told) -> Card {
        let (tone, word) = match told.outcome {
            None => ("plain", "as it came"),
            Some(Outcome::Applied) => ("good", "in force"),
            Some(Outcome::Trying) => ("fair", "on trial"),
            Some(Outcome::WentBack) => ("fair", "went back"),
            Some(Outcome::Refused) => ("bad", "refused"),
        };
        let text = match told.outcome {
            None => "Nothing was asked for yet: DHCP, or the files of a volume.".into(),
            Some(_) => shown::visible(&told.why).into_owned(),
        };
        let holds = told.outcome == Some(Outcome::Applied);
        let until = told.until.filter(|_| told.waits());
        Card {
            tone,
            word,
            text,
            current: told.current.as_ref().map(rows).unwrap_or_default(),
            asked: told.asked.as_ref().filter(|_| !holds).map(rows).unwrap_or_default(),
            waits: until.map(|until| (told.id.clone(), shown::second(until))),
            busy: told.outcome == Some(Outcome::Trying),
        }
    }
}

/// Key by key, what there is.
fn rows(typed: &Typed) -> Vec<(&'static str, String)> {
    let mode = if typed.mode == "dhcp" { "DHCP" } else { "static" };
    let all = [
        ("Addresses by", mode.to_owned()),
        ("Addresses", typed.addresses.join(", ")),
        ("Gateway", typed.gateways.join(", ")),
        ("DNS servers", typed.dns.join(", ")),
        ("Time servers (NTP)", typed.ntp.join(", ")),
        ("Domain", typed.domain.clone()),
        ("Network card", typed.interface.clone()),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

pub(super) async fn form(State(desk): State<Desk>, visit: Visit) -> Response {
    let told = match told(&desk).await {
        Ok(told) => told,
        Err(refused) => return refuse(&desk, &visit, &refused),
    };
    let typed = told.current.unwrap_or_else(|| Asked::dhcp().typed());
    page(&desk, &visit, StatusCode::OK, &typed, &[])
}

pub(super) async fn ask(State(desk): State<Desk>, visit: Visit) -> Response {
    if let Err(refused) = told(&desk).await {
        return refuse(&desk, &visit, &refused);
    }
    let typed = typed(&visit.form);
    let asked = match typed.check() {
        Ok(asked) => asked,
        Err(wrong) => {
            let wrong: Vec<Wrong> = wrong.into_iter().map(|one| (one.key.to_owned(), one.sentence)).collect();
            return page(&desk, &visit, StatusCode::UNPROCESSABLE_ENTITY, &typed, &wrong);
        }
    };
    let (state_dir, wish) = (desk.secrets.state_dir.clone(), asked.clone());
    let written = tokio::task::spawn_blocking(move || addressing::ask(&state_dir, &wish)).await;
    let written = written.map_err(std::io::Error::from).and_then(|written| written);
    let about = format!("{} {}", typed.mode, asked.typed().addresses.join(" "));
    acts::note(&desk, &visit, "network ask", about.trim_end().to_owned(), written.is_ok()).await;
    if let Err(error) = written {
        return frame::broken(&error);
    }
    let to = asked.addresses().first().map(|address| pages_at(*address, &desk.snapshot()));
    let (way_on, words) = match &to {
        Some(to) => (to.as_str(), "These pages at the new address"),
        None => ("/admin/network", "Network, at the address that it has now"),
    };
    let text = "In a few seconds the box takes on the new settings, and this connection may end with them. The gateway has to \
                answer within a minute and a half. Then open these pages at the new address, log in, and press \"Keep these \
                settings\" on the network page within five minutes. Else the box goes back by itself; the console tells it, too.";
    frame::message(&desk, &visit, StatusCode::ACCEPTED, "The new settings are on trial", text, (way_on, words))
}

/// Keep, or go back now.
pub(super) async fn answer(State(desk): State<Desk>, visit: Visit) -> Response {
    let (word, act, said) = match visit.form.text("word") {
        "keep" => (Answer::Keep, "network keep", "network-kept"),
        "back" => (Answer::GoBack, "network go-back", "network-back"),
        _ => return frame::see("/admin/network"),
    };
    let (state_dir, form, version) = (desk.secrets.state_dir.clone(), visit.form.clone(), desk.version_file.clone());
    let answered = tokio::task::spawn_blocking(move || {
        let told = addressing::told(&state_dir)?;
        // The page that it was pressed on may be an old one.
        let meant = update::appliance(&version).is_some() && told.waits() && told.id == form.text("id");
        if meant { addressing::answer(&state_dir, &told.id, word).map(|()| true) } else { Ok(false) }
    });
    match answered.await.map_err(std::io::Error::from).and_then(|answered| answered) {
        Ok(true) => {
            acts::note(&desk, &visit, act, String::new(), true).await;
            frame::see(&format!("/admin/network?said={said}"))
        }
        Ok(false) => frame::see("/admin/network?said=network-over"),
        Err(error) => {
            acts::note(&desk, &visit, act, String::new(), false).await;
            frame::broken(&error)
        }
    }
}

/// What the system tells, where something may be asked of it now.
async fn told(desk: &Desk) -> Result<Told, String> {
    let (state_dir, version) = (desk.secrets.state_dir.clone(), desk.version_file.clone());
    let looked =
        tokio::task::spawn_blocking(move || update::appliance(&version).map(|_| addressing::told(&state_dir))).await;
    let Some(told) = looked.unwrap_or_default() else {
        return Err("This box is no appliance: its addresses, DNS and time servers are its system's to set.".into());
    };
    // What can't be read must not keep anybody from asking for better: it is written anew.
    let told = told.unwrap_or_default();
    if told.outcome == Some(Outcome::Trying) {
        return Err("Settings are on trial: keep them, or go back, before others are asked for.".into());
    }
    Ok(told)
}

fn refuse(desk: &Desk, visit: &Visit, text: &str) -> Response {
    frame::message(desk, visit, StatusCode::CONFLICT, "Not now", text, ("/admin/network", "Egress & network"))
}

/// Where the pages will be.
fn pages_at(address: IpAddr, snapshot: &Snapshot) -> String {
    let listen = snapshot.remote.as_ref().and_then(|remote| remote.listen.parse::<std::net::SocketAddr>().ok());
    let port = listen.map(|listen| listen.port()).filter(|port| *port != 443);
    let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
    format!("https://{host}{}/admin/network", port.map(|port| format!(":{port}")).unwrap_or_default())
}

/// What was typed; beside DHCP stands no address, whatever the fields still hold.
fn typed(posted: &Posted) -> Typed {
    let list = |name: &str| -> Vec<String> {
        let parted = |c: char| c.is_whitespace() || c == ',' || c == ';';
        posted.text(name).split(parted).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let fixed = |name: &str| if posted.text("mode") == "dhcp" { Vec::new() } else { list(name) };
    Typed {
        mode: posted.text("mode").to_owned(),
        addresses: fixed("addresses"),
        gateways: fixed("gateways"),
        dns: list("dns"),
        ntp: list("ntp"),
        domain: posted.text("domain").trim().to_owned(),
        interface: posted.text("interface").trim().to_owned(),
    }
}

fn page(desk: &Desk, visit: &Visit, status: StatusCode, typed: &Typed, wrong: &[Wrong]) -> Response {
    let line = |name: &str, label: &str, value: String, usual: &str, hint: &str| {
        let about = wrong.iter().filter(|(key, _)| key == name).map(|(_, sentence)| sentence.clone()).collect();
        Field {
            name: name.into(),
            label: label.into(),
            hint: hint.split('`').map(str::to_owned).collect(),
            input: Input::Line { value, usual: usual.into() },
            required: false,
            wrong: about,
        }
    };
    let mut mode = line("mode", "Addresses by", String::new(), "", "Static needs an address and a gateway.");
    let modes = ["dhcp", "static"].map(|word| (word.to_owned(), word == typed.mode));
    mode.input = Input::One { options: modes.to_vec() };
    let fields = vec![
        mode,
        line(
            "addresses",
            "Addresses",
            typed.addresses.join(", "),
            "192.0.2.20/24",
            "With the prefix length; several are parted by commas.",
        ),
        line("gateways", "Gateway", typed.gateways.join(", "), "192.0.2.1", "One for IPv4, one for IPv6."),
        line("dns", "DNS servers", typed.dns.join(", "), "192.0.2.53", "With DHCP: empty takes those that DHCP names."),
        line(
            "ntp",
            "Time servers (NTP)",
            typed.ntp.join(", "),
            "ntp.acme.example",
            "Names or addresses. Empty: those that DHCP names, else the ones the box came with.",
        ),
        line("domain", "Domain", typed.domain.clone(), "", "In which short names are looked for."),
        line(
            "interface",
            "Network card",
            typed.interface.clone(),
            "",
            "Such as `eth0`, where there are several. Empty: any.",
        ),
    ];
    let first = ["mode", "addresses", "gateways", "dns", "ntp"];
    let mut form = Form::of(fields, &first).refused(Vec::new(), wrong);
    (form.action, form.back) = ("/admin/network/addresses".into(), "/admin/network".into());
    let frame = Frame::new(desk, visit, Place::Network, "Addresses of this box");
    frame::page(status, &part::New { frame, above: "Egress & network", about: ABOUT, form, trial: None })
}
