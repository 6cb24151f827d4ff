//! `[egress] proxy`, the one key of a section that a page sets: in `conductor.d/egress.toml` of the state folder.
//!
//! Promise: as for a whole table ([`super::change`]): read before it is written, and nothing of the operator's own files.

use std::path::Path;

use toml::Value;

use super::{Begun, Changed, HEAD, Unchanged, begin, disk, write};
use crate::config::fragments::{Fragment, Origin};
use crate::config::{Environment, read};
use crate::values::Secret;

const SECTION: &str = "egress";
const KEY: &str = "proxy";

/// Sets the proxy, or takes it out; `main` and `env` as for [`crate::config::load`].
///
/// # Errors
/// See [`Unchanged`]; `Absent`: there was none to take out. Nothing was changed then.
pub fn change_proxy(main: &Path, env: Environment<'_>, proxy: Option<&Secret>) -> Result<Changed, Unchanged> {
    let Begun { mut gathered, state_dir, folder, held } = begin(main, env)?;
    let holder = gathered.fragments.iter().find(|fragment| holds(fragment));
    let file = match (holder.map(|it| (it.origin, it.path.clone())), proxy) {
        (Some((Origin::Operator, path)), _) => return Err(Unchanged::Operators(path)),
        (Some((Origin::State | Origin::Asked, path)), _) => path,
        (None, Some(_)) => folder.join("egress.toml"),
        (None, None) => return Err(Unchanged::Absent),
    };
    let at = gathered.fragments.iter().position(|fragment| fragment.path == file);
    let old = at.and_then(|at| gathered.fragments.get(at)).map_or("", |fragment| &fragment.text);
    let text = changed(old, proxy);
    match at.and_then(|at| gathered.fragments.get_mut(at)) {
        Some(fragment) => fragment.text.clone_from(&text),
        None => {
            let folder = std::path::absolute(&folder).map_err(disk(&folder))?;
            let (path, text, origin) = (file.clone(), text.clone(), Origin::Asked);
            gathered.fragments.push(Fragment { path, folder, text, origin, world_readable: false });
        }
    }
    let loaded = read(main, gathered, env).map_err(Unchanged::Wrong)?;
    write(&state_dir, &held, &file, &text).map_err(disk(&file))?;
    let spoken_of = file.display().to_string();
    let warnings = loaded.warnings.into_iter().filter(|warning| warning.contains(&spoken_of)).collect();
    Ok(Changed { file, state_dir, warnings })
}

fn holds(fragment: &Fragment) -> bool {
    let found = fragment.text.parse::<toml::Table>().ok();
    found.is_some_and(|all| all.get(SECTION).is_some_and(|section| section.get(KEY).is_some()))
}

/// The file's new text. Pure.
fn changed(old: &str, proxy: Option<&Secret>) -> String {
    let mut all = old.parse::<toml::Table>().unwrap_or_default();
    let section = all.entry(SECTION).or_insert_with(|| Value::Table(toml::Table::new()));
    if let Some(section) = section.as_table_mut() {
        match proxy {
            Some(proxy) => {
                section.insert(KEY.into(), Value::String(proxy.reveal().to_owned()));
            }
            None => {
                section.remove(KEY);
            }
        }
    }
    format!("{HEAD}{all}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::load;

    fn scene(main: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("conductor.toml");
        let state = folder.path().join("state");
        fs::create_dir(&state).expect("made");
        fs::write(&path, format!("[agent]\nname = \"box\"\nstate-dir = {state:?}\n{main}")).expect("written");
        (folder, path)
    }

    fn proxy_of(main: &Path) -> Option<String> {
        let loaded = load(main, &|_| None).expect("it holds");
        loaded.settings.egress.proxy.map(|proxy| proxy.reveal().to_owned())
    }

    #[test]
    fn a_proxy_is_set_beside_what_the_operator_wrote_changed_and_taken_out() {
        let (_folder, main) = scene("[egress]\nallowlisted = [\"192.0.2.1\"]\n");
        for proxy in ["http://proxy.example:3128", "http://u:p%22@proxy.example:3128"] {
            change_proxy(&main, &|_| None, Some(&Secret::new(proxy))).expect("changed");
            assert_eq!(proxy_of(&main).as_deref(), Some(proxy));
        }
        change_proxy(&main, &|_| None, None).expect("changed");
        assert_eq!(proxy_of(&main), None);
        assert!(matches!(change_proxy(&main, &|_| None, None), Err(Unchanged::Absent)));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password_and_nothing_is_written() {
        let (folder, main) = scene("");
        let refused = change_proxy(&main, &|_| None, Some(&Secret::new("https://u:CANARY@proxy.example")));
        let Err(Unchanged::Wrong(mistakes)) = refused else { panic!("it was taken") };
        assert!(!mistakes.to_string().contains("CANARY"), "{mistakes}");
        assert_eq!(fs::read_dir(folder.path().join("state/conductor.d")).expect("there").count(), 0);
    }

    #[test]
    fn a_proxy_of_the_operators_own_files_is_left_to_them() {
        let (_folder, main) = scene("[egress]\nproxy = \"http://proxy.example:3128\"\n");
        let refused = change_proxy(&main, &|_| None, Some(&Secret::new("http://other.example:3128")));
        assert!(matches!(refused, Err(Unchanged::Operators(path)) if path == main));
    }
}
