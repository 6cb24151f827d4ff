//! Changes by the command line, on folders of their own.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::config::load;

const NO_ENVIRONMENT: &dyn Fn(&str) -> Option<String> = &|_| None;

/// Settings of an operator with a destination `soc`, and an empty state folder.
struct Room {
    folder: tempfile::TempDir,
    main: PathBuf,
}

impl Room {
    fn new() -> Room {
        let folder = tempfile::tempdir().expect("a folder");
        let main = folder.path().join("conductor.toml");
        let text = "[agent]\nname = \"box\"\nstate-dir = \"state\"\n[destinations.soc]\ntype = \"syslog\"\naddress = \"siem.example:6514\"\n";
        fs::write(&main, text).expect("written");
        Room { folder, main }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("state/conductor.d").join(name)
    }

    fn change(&self, table: Table, name: &str, wanted: Change) -> Result<Changed, Unchanged> {
        change(&self.main, NO_ENVIRONMENT, table, &name.parse().expect("a name"), wanted)
    }

    fn add(&self, name: &str, keys: &str) -> Result<Changed, Unchanged> {
        self.change(Table::Destination, name, Change::Add(keys.parse().expect("TOML")))
    }

    fn settings(&self) -> crate::config::Settings {
        load(&self.main, NO_ENVIRONMENT).expect("sound settings").settings
    }
}

const OTHER: &str = "type = \"syslog\"\naddress = \"other.example:6514\"";

#[test]
fn a_destination_that_is_added_is_read_back_disabled_enabled_and_gone_again() {
    let room = Room::new();
    let changed = room.add("other", OTHER).expect("added");
    assert_eq!(changed.file, room.file("other.toml"));
    let name: Name = "other".parse().expect("a name");
    assert_eq!(room.settings().destinations[&name].link.address, "other.example:6514");
    let mode = fs::metadata(&changed.file).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for enabled in [false, true] {
        room.change(Table::Destination, "other", Change::Enable(enabled)).expect("changed");
        assert_eq!(room.settings().destinations[&name].enabled, enabled);
    }
    room.change(Table::Destination, "other", Change::Remove).expect("removed");
    assert!(!room.settings().destinations.contains_key(&name));
    let left = fs::read_dir(room.file("")).expect("the folder").count();
    assert_eq!(left, 0, "an empty file goes, and nothing half-written stays");
}

#[test]
fn what_the_operators_files_define_is_refused_with_the_file_named() {
    let room = Room::new();
    for wanted in [Change::Enable(false), Change::Remove] {
        let refused = room.change(Table::Destination, "soc", wanted);
        assert!(matches!(&refused, Err(Unchanged::Operators(path)) if *path == room.main), "{refused:?}");
    }
    let taken = room.add("soc", OTHER);
    assert!(matches!(&taken, Err(Unchanged::Taken(path)) if *path == room.main), "{taken:?}");
    let absent = room.change(Table::Integration, "soc", Change::Remove);
    assert!(matches!(absent, Err(Unchanged::Absent)), "an integration is no destination: {absent:?}");
}

#[test]
fn what_would_not_hold_is_told_with_its_place_and_nothing_is_written() {
    let room = Room::new();
    let wrong = room.add("other", "type = \"syslog\"\nadress = \"a:1\"").expect_err("a slip");
    let Unchanged::Wrong(mistakes) = wrong else { panic!("{wrong:?}") };
    let told = mistakes.to_string();
    assert!(told.contains("other.toml") && told.contains("address"), "{told}");
    assert!(!room.file("other.toml").exists());
    room.add("other", OTHER).expect("added");
    fs::write(&room.main, "[agent]\nstate-dir = \"state\"\nnam = \"x\"\n").expect("written");
    let before = fs::read(room.file("other.toml")).expect("there");
    let refused = room.change(Table::Destination, "other", Change::Enable(false));
    assert!(matches!(refused, Err(Unchanged::Wrong(_))), "{refused:?}");
    assert_eq!(fs::read(room.file("other.toml")).expect("there"), before);
}

#[test]
fn other_keys_take_the_place_of_all_that_it_had_and_a_rehearsal_writes_nothing() {
    let room = Room::new();
    room.add("other", &format!("{OTHER}\nformat = \"cef\"")).expect("added");
    let name: Name = "other".parse().expect("a name");
    let before = fs::read(room.file("other.toml")).expect("there");
    let keys: toml::Table = "type = \"syslog\"\naddress = \"new.example:6514\"".parse().expect("TOML");
    let as_it_would_be =
        rehearse(&room.main, NO_ENVIRONMENT, Table::Destination, &name, Change::Set(keys.clone())).expect("sound");
    assert_eq!(as_it_would_be.settings.destinations[&name].link.address, "new.example:6514");
    assert_eq!(fs::read(room.file("other.toml")).expect("there"), before);
    let slip: toml::Table = "type = \"syslog\"".parse().expect("TOML");
    let refused = rehearse(&room.main, NO_ENVIRONMENT, Table::Destination, &name, Change::Set(slip));
    assert!(matches!(refused, Err(Unchanged::Wrong(_))), "{refused:?}");

    room.change(Table::Destination, "other", Change::Set(keys)).expect("changed");
    let now = &room.settings().destinations[&name];
    assert_eq!((now.link.address.as_str(), now.format.as_str()), ("new.example:6514", "json"));
    let operators = room.change(Table::Destination, "soc", Change::Set(toml::Table::new()));
    assert!(matches!(operators, Err(Unchanged::Operators(_))), "{operators:?}");
}

#[test]
fn what_is_written_is_told_with_its_file_and_whose_it_is() {
    let room = Room::new();
    room.add("other", OTHER).expect("added");
    fs::write(room.file("broken.toml"), "[destinations.").expect("written");
    let found = crate::config::written(&room.main, NO_ENVIRONMENT);
    let told: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.operators, one.file.clone())).collect();
    assert_eq!(told, [("soc", true, room.main.clone()), ("other", false, room.file("other.toml"))]);
    assert_eq!(found[1].keys, OTHER.parse().expect("TOML"));
}

#[test]
fn what_is_wrong_in_the_file_itself_can_be_taken_out() {
    let room = Room::new();
    room.add("other", OTHER).expect("added");
    let file = room.file("other.toml");
    let broken = fs::read_to_string(&file).expect("there").replace("address", "adress");
    fs::write(&file, broken).expect("written");
    load(&room.main, NO_ENVIRONMENT).expect_err("a mistake");
    room.change(Table::Destination, "other", Change::Remove).expect("removed");
    room.settings();
}

#[test]
fn what_a_later_version_wrote_there_stays_where_only_a_switch_is_turned_and_is_refused_where_it_is_asked_for() {
    let room = Room::new();
    room.add("other", "type = \"syslog\"\naddress = \"10.0.0.5:6514\"").expect("added");
    let file = room.file("other.toml");
    let later = fs::read_to_string(&file).expect("there") + "mood = \"calm\"\n";
    fs::write(&file, later).expect("written");

    let changed = room.change(Table::Destination, "other", Change::Enable(false)).expect("a switch");
    let [warning] = changed.warnings.as_slice() else { panic!("{:?}", changed.warnings) };
    assert!(warning.contains("has no key \"mood\" (ignored: a later version may have written it)"), "{warning}");
    assert!(fs::read_to_string(&file).expect("there").contains("mood = \"calm\""));

    let keys = "type = \"syslog\"\naddress = \"10.0.0.5:6514\"\nmood = \"calm\"".parse().expect("TOML");
    let refused = room.change(Table::Destination, "other", Change::Set(keys));
    assert!(matches!(refused, Err(Unchanged::Wrong(_))), "{refused:?}");
}

#[test]
fn an_integration_and_a_destination_of_one_name_share_a_file_and_one_goes_without_the_other() {
    let room = Room::new();
    room.add("acme", OTHER).expect("added");
    let keys = "connector = \"abnormal-security\"\nhost = \"eu\"\napi-key = { file = \"/key\" }";
    room.change(Table::Integration, "acme", Change::Add(keys.parse().expect("TOML"))).expect("added");
    assert_eq!((room.settings().integrations.len(), room.settings().destinations.len()), (1, 2));
    room.change(Table::Destination, "acme", Change::Remove).expect("removed");
    assert_eq!((room.settings().integrations.len(), room.settings().destinations.len()), (1, 1));
}

#[test]
fn a_link_that_somebody_left_in_the_way_is_not_followed() {
    let room = Room::new();
    room.add("first", OTHER).expect("the folder is made");
    let victim = room.folder.path().join("victim");
    fs::write(&victim, "whole").expect("written");
    std::os::unix::fs::symlink(&victim, room.file(".other.toml.new")).expect("a link");
    room.add("other", OTHER).expect("added");
    assert_eq!(fs::read_to_string(&victim).expect("there"), "whole");
}

#[test]
fn a_folder_that_is_a_link_is_refused_and_nothing_is_written_behind_it() {
    let room = Room::new();
    let elsewhere = room.folder.path().join("elsewhere");
    fs::create_dir_all(&elsewhere).expect("made");
    fs::create_dir_all(room.folder.path().join("state")).expect("made");
    let link = room.folder.path().join("state/conductor.d");
    std::os::unix::fs::symlink(&elsewhere, link).expect("a link");
    let refused = room.add("other", OTHER);
    assert!(matches!(refused, Err(Unchanged::Disk { .. })), "{refused:?}");
    assert_eq!(fs::read_dir(&elsewhere).expect("there").count(), 0);
}

#[test]
fn what_root_writes_belongs_to_the_user_that_the_agent_runs_as() {
    // Nobody else can give a file away.
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let room = Room::new();
    let state = room.folder.path().join("state");
    fs::create_dir_all(&state).expect("made");
    std::os::unix::fs::chown(&state, Some(65_534), Some(65_534)).expect("given away");
    let file = room.add("other", OTHER).expect("added").file;
    for path in [file.as_path(), &state.join("conductor.d")] {
        assert_eq!(fs::metadata(path).expect("there").uid(), 65_534, "{}", path.display());
    }
}
