use std::os::unix::fs::symlink;

use super::super::target::LARGEST;
use super::*;

const OPERATORS: &str = "[agent]\nname = \"box\"\nstate-dir = \"state\"\n";
const SOC: &str = "[destinations.soc]\ntype = \"syslog\"\naddress = \"soc.example.org:6514\"\nset-by = \"page\"\n";
const PEM: &str = "-----BEGIN CERTIFICATE-----\n";

/// A box with these files beside its main one.
fn made(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let room = tempfile::tempdir().expect("a folder");
    for (name, text) in [("conductor.toml", OPERATORS)].iter().chain(files) {
        let path = room.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    let main = room.path().join("conductor.toml");
    (room, main)
}

/// What the state folder has of these files, in a backup.
fn document(files: &[(&str, &str)]) -> Document {
    Document {
        format: FORMAT,
        agent: "box".into(),
        version: "1.0.0".into(),
        made: "2026-11-21T12:00:00Z".parse().expect("a time"),
        files: files.iter().map(|(name, text)| Kept::of_text(Whose::State, *name, text)).collect(),
        left_out: Vec::new(),
        sealed: None,
    }
}

fn by_page(main: &Path, files: &[(&str, &str)], secrets: &[(&str, &str)]) -> Result<Plan, NotRestored> {
    let secrets = secrets.iter().map(|(name, text)| ((*name).to_owned(), Secret::new(*text))).collect();
    let opened = Opened { secrets, files: Vec::new() };
    plan(main, &|_| None, &document(files), opened, Reach::Pages { holds: &|_| true })
}

fn refused(planned: Result<Plan, NotRestored>) -> String {
    planned.expect_err("refused").to_string()
}

#[test]
fn a_page_put_another_certificate_in_the_place_of_the_one_that_a_stored_secret_trusts() {
    let (_room, main) = made(&[("state/certificates/soc-ca-1.pem", PEM), ("state/conductor.d/soc.toml", SOC)]);
    let soc = ("conductor.d/soc.toml", SOC);
    let told = refused(by_page(&main, &[soc, ("certificates/soc-ca-1.pem", &format!("{PEM}other\n"))], &[]));
    assert!(told.contains("certificates/soc-ca-1.pem is another here"), "{told}");
    let same = by_page(&main, &[soc, ("certificates/soc-ca-1.pem", PEM)], &[]).expect("as it is");
    assert_eq!(same.steps(), []);
    // A new one under a name that is not made of its text could be exchanged before its settings come.
    let told = refused(by_page(&main, &[soc, ("certificates/soc-ca-2.pem", PEM)], &[]));
    assert!(told.contains("the name that the pages give"), "{told}");
    let new = by_page(&main, &[soc, ("certificates/soc-ca-b93f51c3ac1b.pem", PEM)], &[]).expect("a new one");
    assert_eq!(new.steps().len(), 1);
}

#[test]
fn a_link_in_the_place_of_a_certificate_had_root_read_without_an_end() {
    let (room, main) = made(&[]);
    let state = room.path().join("state");
    fs::create_dir_all(state.join("certificates")).expect("made");
    symlink("/dev/zero", state.join("certificates/x.pem")).expect("a link");
    let place = Target::State("certificates", "x.pem".into());
    assert!(place.read(&state).is_err());
    let told = refused(by_page(&main, &[("certificates/x.pem", PEM)], &[]));
    assert!(told.contains("is another here"), "{told}");
    fs::remove_file(state.join("certificates/x.pem")).expect("removed");
    fs::write(state.join("certificates/x.pem"), "#".repeat(LARGEST + 1)).expect("written");
    assert!(place.read(&state).expect_err("too large").to_string().contains("larger than 1 MiB"));
}

#[test]
fn a_link_in_the_state_folder_came_into_what_was_kept_before_a_restore() {
    let (room, main) = made(&[("shadow", "CANARY\n")]);
    let state = room.path().join("state");
    fs::create_dir_all(state.join("conductor.d")).expect("made");
    symlink(room.path().join("shadow"), state.join("conductor.d/zz.toml")).expect("a link");
    let mut document = document(&[("conductor.d/soc.toml", SOC)]);
    document.files.push(Kept::of_text(Whose::Settings, "conductor.toml", OPERATORS));
    let planned = plan(&main, &|_| None, &document, Opened::default(), Reach::Whole).expect("a plan");
    let sources = SecretSources { state_dir: state.clone(), ..SecretSources::default() };
    let now = "2026-11-21T12:00:00Z".parse().expect("a time");
    let restored = restore(&planned, &main, &|_| None, &sources, now).expect("restored");
    assert_eq!(restored.before, None, "what stood there can't be read");
    assert!(!state.join("backup/before-restore.json").exists());
    let told = refused(by_page(&main, &[("conductor.d/soc.toml", SOC)], &[]));
    assert!(told.contains("this is a link"), "{told}");
}

#[test]
fn a_page_exchanged_a_secret_of_the_operators() {
    let acme = "[integrations.acme]\napi-key = { sealed = \"acme\" }\n";
    let soc = |secret: &str| {
        let url = "type = \"http\"\nurl = \"https://soc.example/in\"\n";
        format!("[destinations.soc]\n{url}auth = {{ bearer = {{ sealed = \"{secret}\" }} }}\n")
    };
    let (_room, main) = made(&[("conductor.d/acme.toml", acme)]);
    let brought = [("acme", "other"), ("stray", "other"), ("auth-bearer_soc", "its own")];
    let file = soc("auth-bearer_soc");
    let planned = by_page(&main, &[("conductor.d/soc.toml", &file)], &brought).expect("a plan");
    let sealed: Vec<Step> = planned.steps().into_iter().filter(|step| matches!(step, Step::Seal(_))).collect();
    assert_eq!(sealed, [Step::Seal("auth-bearer_soc".parse().expect("a name"))]);
    assert_eq!(
        planned.unreached,
        ["the secret acme", "the secret stray"],
        "one the operator's, one that nothing names"
    );
    // What is not sealed is not brought either: the stored one would go to the backup's place.
    let told = refused(by_page(&main, &[("conductor.d/soc.toml", &soc("acme"))], &brought));
    assert!(told.contains("would get the secret acme"), "{told}");
}

#[test]
fn a_page_took_sections_out_that_it_may_not_write() {
    let queue = "[queue]\nkeep = \"1h\"\n";
    let (_room, main) =
        made(&[("state/conductor.d/queue.toml", queue), ("state/conductor.d/old.toml", &SOC.replace("soc", "old"))]);
    let planned = by_page(&main, &[("conductor.d/soc.toml", SOC)], &[]).expect("a plan");
    let gone: Vec<Step> = planned.steps().into_iter().filter(|step| matches!(step, Step::Remove(_))).collect();
    assert_eq!(gone, [Step::Remove(planned.state_dir.join("conductor.d/old.toml"))], "a page's own goes");
    let told = refused(by_page(&main, &[("conductor.d/queue.toml", SOC)], &[]));
    assert!(told.contains("queue.toml holds [queue] here, which is not set by the pages"), "{told}");
    let same = [("conductor.d/queue.toml", queue), ("conductor.d/soc.toml", SOC)];
    assert!(by_page(&main, &same, &[]).is_ok(), "as it is, it may come along");
}
