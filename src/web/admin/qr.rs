//! A text as a QR code, drawn as SVG here. Pure.
//!
//! Promise: what it holds is the text and nothing else; it needs no script and no inline style.

use askama::Template;
use qrcode::{Color, EcLevel, QrCode};

/// The quiet zone, in modules, that a reader needs around it (ISO/IEC 18004).
const QUIET: usize = 4;

#[derive(Template)]
#[template(path = "admin/qr.svg")]
pub(super) struct Drawing {
    side: usize,
    path: String,
}

/// The drawing; `None` where the text is longer than a QR code can hold.
pub(super) fn draw(text: &str) -> Option<Drawing> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        while let Some(from) = row.iter().skip(x).position(|color| *color == Color::Dark).map(|skip| x + skip) {
            let len = row.iter().skip(from).take_while(|color| **color == Color::Dark).count();
            path.push_str(&format!("M{} {}h{len}v1h-{len}z", from + QUIET, y + QUIET));
            x = from + len;
        }
    }
    Some(Drawing { side: width + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dark modules of a drawing.
    fn dark(drawing: &Drawing) -> Vec<(usize, usize)> {
        let runs = drawing.path.split('M').filter(|run| !run.is_empty());
        let read = |run: &str| {
            let numbers: Vec<usize> = run.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
            let [x, y, len, ..] = numbers[..] else { panic!("{run}") };
            (x..x + len).map(move |x| (x - QUIET, y - QUIET)).collect::<Vec<_>>()
        };
        let mut dark: Vec<(usize, usize)> = runs.flat_map(read).collect();
        dark.sort_unstable();
        dark
    }

    #[test]
    fn each_dark_module_is_drawn_once_and_no_other() {
        let text = "otpauth://totp/Conductor%20box:ada?secret=JBSWY3DPEHPK3PXP&issuer=Conductor%20box";
        let drawing = draw(text).expect("it fits");
        let code = QrCode::with_error_correction_level(text, EcLevel::M).expect("a code");
        let width = code.width();
        let mut expected: Vec<(usize, usize)> = (0..width * width)
            .filter(|n| code.to_colors()[*n] == Color::Dark)
            .map(|n| (n % width, n / width))
            .collect();
        expected.sort_unstable();
        assert_eq!(dark(&drawing), expected);
        assert_eq!(drawing.side, width + 8);
        assert!(draw(&"x".repeat(5000)).is_none());
        let svg = drawing.render().expect("drawn");
        assert!(!svg.contains("style") && !svg.contains("script") && !svg.contains("JBSWY3"), "{svg}");
    }
}
