//! How the page looks: as a real browser prints it, and its contrasts.

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

/// Relative luminance by WCAG of `#rrggbb`.
fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("hex")) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
}

#[test]
fn text_and_charts_have_the_contrast_that_wcag_asks_for_in_light_in_dark_and_on_paper() {
    let page = html::write(&scene::report()).expect("a page");
    let palettes: Vec<&str> = page.split("--paper: ").skip(1).collect();
    assert_eq!(palettes.len(), 3);
    for palette in palettes {
        let paper = luminance(&palette[..7]);
        let contrast = |name: &str| {
            let at = palette.find(&format!("--{name}: ")).unwrap_or_else(|| panic!("no {name}")) + name.len() + 4;
            let other = luminance(&palette[at..at + 7]);
            (paper.max(other) + 0.05) / (paper.min(other) + 0.05)
        };
        for text in ["ink", "faint"] {
            assert!(contrast(text) >= 4.5, "{text}: {}", contrast(text));
        }
        for drawn in ["detected", "remediated", "attempted", "would", "not", "none", "unknown"] {
            assert!(contrast(drawn) >= 3.0, "{drawn}: {}", contrast(drawn));
        }
    }
}
