//! The pages in a real browser: Chromium, driven by Playwright, before the real agent, a simulated API and a simulated
//! SOC. Each test plays one scene, a script of that name in `tests/browser`.
//!
//! Promise: in every scene no request leaves for another host, the content security policy is never offended, the script
//! fails nowhere, and no key or password is in an answer, a file, the log or a support bundle.

mod agent;
#[path = "secrets/marks.rs"]
#[allow(dead_code, reason = "what is logged is another test's")]
mod marks;
#[allow(dead_code, reason = "what is asked of it is another test's")]
mod proxy;

#[path = "browser/scene.rs"]
mod scene;
#[path = "browser/tools.rs"]
mod tools;
#[path = "browser/traces.rs"]
mod traces;
#[path = "browser/world.rs"]
mod world;

use world::World;

#[test]
fn an_integration_goes_from_the_claim_of_a_box_to_green_then_red_with_a_hint_and_green_by_the_next_key() {
    let Some(tools) = tools::found() else { return };
    let mut world = World::new(&World::empty);
    scene::play(&tools, &mut world, "operator");
    assert!(world.soc.count() > 0, "the SOC has the events by what was set up on the pages alone");
    traces::none(world);
}

#[test]
fn the_same_way_can_be_gone_without_a_script() {
    let Some(tools) = tools::found() else { return };
    let mut world = World::new(&World::empty);
    scene::play(&tools, &mut world, "scriptless");
    traces::none(world);
}

#[test]
fn the_login_and_the_form_of_an_integration_are_filled_in_by_the_keyboard_alone() {
    let Some(tools) = tools::found() else { return };
    let mut world = World::new(&World::empty);
    scene::play(&tools, &mut world, "keyboard");
    traces::none(world);
}

#[test]
fn every_page_fits_a_phone_and_a_desk_in_light_and_dark_and_axe_finds_nothing_serious() {
    let Some(tools) = tools::found() else { return };
    let mut world = World::new(&World::busy);
    scene::play(&tools, &mut world, "gallery");
    traces::none(world);
}
