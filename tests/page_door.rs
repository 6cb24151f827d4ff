//! What a page named, in the real agent: it is dialled nowhere on this machine, and the same entry of the operator's is.

mod agent;
#[path = "bad_input/world.rs"]
mod world;

use std::io::ErrorKind;
use std::net::TcpListener;

use agent::Place;
use world::World;

#[test]
fn a_destination_that_a_page_set_is_not_dialled_on_this_machine_and_the_operators_own_is() {
    let world = World::new();
    let there = format!("localhost:{}", world.soc.addr().port());
    let operators = world.settings().replace(&world.soc.addr().to_string(), &there);
    world.place.write_settings(&format!("{operators}set-by = \"page\"\n"));
    let mut agent = world.place.start();
    world.put(11, 4);
    agent.wait_until("it is refused", |agent| {
        agent.conditions().iter().any(|(code, text)| {
            code == "destination-refused" && text.contains("this machine itself") && text.contains("allow-other-hosts")
        })
    });
    let tried = world.place.verb(&["destination", "test", "soc"]);
    let said = String::from_utf8_lossy(&tried.stdout).into_owned();
    assert!(tried.status.code() == Some(69) && said.contains("this machine itself"), "{said}");
    assert!(world.arrived().is_empty(), "nothing went there");
    world.reload(&mut agent, &operators);
    world.everything_arrives(&mut agent);
}

#[test]
fn destinations_of_every_type_pass_the_same_door() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("an option");
    let port = listener.local_addr().expect("an address").port();
    let place = Place::new("");
    let token = place.secret("token", "right-token-4711");
    let address = format!("address = \"localhost:{port}\"");
    let url = format!("url = \"https://localhost:{port}\"");
    let types = [
        ("syslog", address.clone()),
        ("udp", format!("type = \"syslog\"\ntransport = \"udp\"\ninsecure = true\n{address}")),
        ("proxied", format!("type = \"relp\"\naddress = \"192.0.2.9:1\"\nproxy = \"http://localhost:{port}\"")),
        ("relp", address.clone()),
        ("http", url.clone()),
        ("splunk-hec", format!("{url}\ntoken = {token}")),
        ("elastic", url),
        ("jetstream", format!("{address}\nstream = \"EVENTS\"")),
    ];
    let mut settings = String::new();
    for (name, keys) in &types {
        let kind = if keys.starts_with("type") { String::new() } else { format!("type = \"{name}\"\n") };
        settings += &format!("[destinations.{name}]\nset-by = \"page\"\nstart = \"oldest\"\n{kind}{keys}\n");
    }
    place.write_settings(&settings);
    // Something to hand over: the entry of an act.
    std::fs::remove_file(place.audit()).expect("it was there");
    assert!(place.verb_in(&["secret", "set", "unused"], &[], "right-token-4711").status.success());
    let mut agent = place.start();
    for (name, _) in &types {
        agent.wait_until(&format!("{name} is refused"), |agent| {
            let status = agent.status();
            let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|one| {
                let text = one["text"].as_str().unwrap_or_default();
                one["subject"] == *name && one["code"] == "destination-refused" && text.contains("this machine itself")
            })
        });
    }
    let accepted = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(accepted, Err(ErrorKind::WouldBlock), "something was dialled");
}
