//! The pages under `/admin`: made on the server, usable without a script.
//!
//! ```text
//!   request ──► headers ──► guard (claimed? session? role? Origin, CSRF) ──► a page's own function
//!                             asks [`routes::ROUTES`], the one table of paths and what each needs
//! ```
//!
//! Promise: a path that is not in the table does not exist, and nobody gets past the table's word for one that is; every
//! value on a page is escaped; no secret is ever on one, but for a second factor's key and its recovery codes: once, to their user.

mod acts;
mod addresses;
mod changing;
mod chart;
mod cookie;
mod desk;
mod destinations;
mod events;
mod form;
mod frame;
mod guard;
mod integrations;
mod live;
mod login;
mod multipart;
mod network;
mod overview;
mod part;
mod posted;
mod preview;
mod proxy;
mod qr;
mod ration;
mod reload;
mod routes;
mod sheet;
mod shown;
mod surroundings;
mod system;
#[cfg(test)]
mod tests;
mod tile;
mod trial;
mod turns;
mod upload;
mod visit;

use axum::Router;
use axum::middleware;

pub use acts::Rations;
pub use desk::Desk;
pub use reload::{ReloadBell, Reloads, reload_bell};
pub use turns::Turns;

/// All pages, for a listener that speaks HTTPS: their cookie goes back over nothing else.
pub fn router(desk: Desk) -> Router {
    let mut router = Router::new();
    for route in routes::ROUTES {
        let needs = (route.needs, route.takes, desk.clone());
        router = router.route(route.path, (route.serve)().layer(middleware::from_fn_with_state(needs, guard::guard)));
    }
    router
        .fallback(frame::unknown_path)
        .method_not_allowed_fallback(frame::unknown_path)
        .with_state(desk)
        .layer(middleware::from_fn(guard::headers))
}
