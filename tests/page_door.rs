//! What a page named, in the real agent: it is dialled nowhere on this machine, and the same entry of the operator's is.

mod agent;
#[path = "bad_input/world.rs"]
mod world;

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
