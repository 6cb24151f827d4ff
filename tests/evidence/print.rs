//! The page as a real browser prints it.

use std::fs;
use std::process::Command;

use conductor::evidence::html;

use super::scene;

const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

#[test]
fn a_browser_prints_the_page_on_few_sheets_of_a4() {
    let here = |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    let Some(browser) = BROWSERS.iter().find(here) else {
        eprintln!("skipped: none of {BROWSERS:?} is on this machine");
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let (page, pdf) = (dir.path().join("report.html"), dir.path().join("report.pdf"));
    fs::write(&page, html::write(&scene::report()).expect("a page")).expect("written");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"])
        .arg(format!("--user-data-dir={}", dir.path().join("profile").display()))
        .arg(format!("--print-to-pdf={}", pdf.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser runs");
    let printed = fs::read(&pdf).unwrap_or_else(|e| panic!("no print ({e}): {output:?}"));
    let text = String::from_utf8_lossy(&printed);
    let sheets = text.matches("/Type /Page\n").count();
    assert!((1..=4).contains(&sheets), "{sheets} sheets");
    // A4 is 595 by 842 points.
    assert!(text.contains("/MediaBox [0 0 594.95") || text.contains("/MediaBox [0 0 595"), "not A4");
}
