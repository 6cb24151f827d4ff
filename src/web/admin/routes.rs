//! Every path of the pages, its method, and what it takes to be let in: the one table.
//!
//! Promise: the router is made of this table alone, so that a page without a rule can't be reached.

use axum::routing::{MethodRouter, get, post};
use http::Method;

use super::{
    Desk, addresses, destinations, events, frame, integrations, live, login, network, overview, proxy, system,
};

/// What it takes to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: style and script.
    Nothing,
    /// Nothing, and it is there before the first administrator is: the claim's own page.
    Claim,
    /// Nothing, once there is an administrator: the login.
    Door,
    /// A session, which is not kept alive by this: a page asks for it by itself.
    Glance,
    /// A session.
    Session,
    /// A session of an administrator.
    Admin,
}

/// What is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// A form of a few KiB.
    Form,
    /// A form with a file behind its fields, which the page's own function reads.
    File,
}

/// One path with one method.
pub(super) struct Route {
    #[cfg_attr(not(test), allow(dead_code, reason = "for whoever walks the table"))]
    pub method: Method,
    pub path: &'static str,
    pub needs: Needs,
    pub takes: Takes,
    pub serve: fn() -> MethodRouter<Desk>,
}

const fn reads(path: &'static str, needs: Needs, serve: fn() -> MethodRouter<Desk>) -> Route {
    Route { method: Method::GET, path, needs, takes: Takes::Form, serve }
}

/// What changes something is posted: a form with the session's CSRF token, from our own origin.
const fn changes(path: &'static str, needs: Needs, serve: fn() -> MethodRouter<Desk>) -> Route {
    Route { method: Method::POST, path, needs, takes: Takes::Form, serve }
}

/// The same with a file.
const fn uploads(path: &'static str, needs: Needs, serve: fn() -> MethodRouter<Desk>) -> Route {
    Route { method: Method::POST, path, needs, takes: Takes::File, serve }
}

pub(super) static ROUTES: &[Route] = &[
    reads("/admin/style.css", Needs::Nothing, || get(frame::style)),
    reads("/admin/script.js", Needs::Nothing, || get(frame::script)),
    reads("/admin/claim", Needs::Claim, || get(login::claim_page)),
    changes("/admin/claim", Needs::Claim, || post(login::claim)),
    reads("/admin/login", Needs::Door, || get(login::login_page)),
    changes("/admin/login", Needs::Door, || post(login::login)),
    changes("/admin/logout", Needs::Session, || post(login::logout)),
    reads("/admin/live", Needs::Glance, || get(live::stream)),
    reads("/admin", Needs::Session, || get(overview::page)),
    reads("/admin/network", Needs::Session, || get(network::page)),
    reads("/admin/network/addresses", Needs::Admin, || get(addresses::form)),
    changes("/admin/network/addresses", Needs::Admin, || post(addresses::ask)),
    changes("/admin/network/answer", Needs::Admin, || post(addresses::answer)),
    reads("/admin/network/proxy", Needs::Admin, || get(proxy::form)),
    changes("/admin/network/proxy", Needs::Admin, || post(proxy::save)),
    reads("/admin/system", Needs::Session, || get(system::page)),
    reads("/admin/system/password", Needs::Session, || get(system::password_page)),
    changes("/admin/system/password", Needs::Session, || post(system::change_password)),
    reads("/admin/system/second-factor", Needs::Session, || get(system::factor_page)),
    changes("/admin/system/second-factor", Needs::Session, || post(system::begin_factor)),
    changes("/admin/system/second-factor/confirm", Needs::Session, || post(system::confirm_factor)),
    changes("/admin/system/second-factor/drop", Needs::Session, || post(system::drop_factor)),
    changes("/admin/system/support-bundle", Needs::Admin, || post(system::support_bundle)),
    uploads("/admin/system/update", Needs::Admin, || post(system::update)),
    changes("/admin/system/backup", Needs::Admin, || post(system::backup)),
    uploads("/admin/system/restore", Needs::Admin, || post(system::restore)),
    reads("/admin/system/reset", Needs::Admin, || get(system::reset_page)),
    changes("/admin/system/reset", Needs::Admin, || post(system::reset)),
    reads("/admin/system/users", Needs::Admin, || get(system::new_page)),
    changes("/admin/system/users", Needs::Admin, || post(system::add)),
    reads("/admin/system/users/{name}", Needs::Admin, || get(system::user_page)),
    changes("/admin/system/users/{name}/role", Needs::Admin, || post(system::set_role)),
    changes("/admin/system/users/{name}/password", Needs::Admin, || post(system::reset_password)),
    changes("/admin/system/users/{name}/second-factor", Needs::Admin, || post(system::reset_factor)),
    changes("/admin/system/users/{name}/remove", Needs::Admin, || post(system::remove)),
    reads("/admin/events", Needs::Session, || get(events::page)),
    reads("/admin/events/{id}", Needs::Session, || get(events::event)),
    reads("/admin/events/{id}/raw", Needs::Session, || get(events::raw)),
    reads("/admin/events/{id}/replay", Needs::Admin, || get(events::ask_replay)),
    changes("/admin/events/{id}/replay", Needs::Admin, || post(events::begin_replay)),
    reads("/admin/events/quarantine", Needs::Session, || get(events::quarantine)),
    changes("/admin/events/quarantine/retry", Needs::Admin, || post(events::retry_aside)),
    changes("/admin/events/quarantine/sure", Needs::Admin, || post(events::sure_to_drop)),
    changes("/admin/events/quarantine/drop", Needs::Admin, || post(events::drop_aside)),
    reads("/admin/settings/integrations", Needs::Session, || get(integrations::tiles)),
    reads("/admin/settings/add/integration", Needs::Admin, || get(integrations::new)),
    changes("/admin/settings/add/integration", Needs::Admin, || post(integrations::add)),
    changes("/admin/settings/add/integration/test", Needs::Admin, || post(integrations::test_new)),
    reads("/admin/settings/integrations/{name}", Needs::Session, || get(integrations::one)),
    changes("/admin/settings/integrations/{name}", Needs::Admin, || post(integrations::save)),
    changes("/admin/settings/integrations/{name}/test", Needs::Admin, || post(integrations::test)),
    changes("/admin/settings/integrations/{name}/enable", Needs::Admin, || post(integrations::enable)),
    changes("/admin/settings/integrations/{name}/disable", Needs::Admin, || post(integrations::disable)),
    reads("/admin/settings/integrations/{name}/remove", Needs::Admin, || get(integrations::removing)),
    changes("/admin/settings/integrations/{name}/remove", Needs::Admin, || post(integrations::remove)),
    reads("/admin/settings/destinations", Needs::Session, || get(destinations::tiles)),
    reads("/admin/settings/add/destination/{kind}", Needs::Admin, || get(destinations::new)),
    changes("/admin/settings/add/destination/{kind}", Needs::Admin, || post(destinations::add)),
    reads("/admin/settings/destinations/{name}", Needs::Session, || get(destinations::one)),
    changes("/admin/settings/destinations/{name}", Needs::Admin, || post(destinations::save)),
    changes("/admin/settings/destinations/{name}/test", Needs::Admin, || post(destinations::test)),
    changes("/admin/settings/destinations/{name}/enable", Needs::Admin, || post(destinations::enable)),
    changes("/admin/settings/destinations/{name}/disable", Needs::Admin, || post(destinations::disable)),
    reads("/admin/settings/destinations/{name}/remove", Needs::Admin, || get(destinations::removing)),
    changes("/admin/settings/destinations/{name}/remove", Needs::Admin, || post(destinations::remove)),
];
