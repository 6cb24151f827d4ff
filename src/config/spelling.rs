//! Which known word was meant by an unknown one.
//!
//! Promise: a guess is made only where it is near; a wrong guess costs an operator more than none.

/// The known word nearest to this one, where one is near enough. Case and `_` for `-` cost nothing.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().replace('_', "-").chars().take(64).collect();
    let allowed = match word.len() {
        0..=2 => return None,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(steps, _)| *steps <= allowed)
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// Letters to add, drop, change or swap with a neighbour (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut best = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_guessed_and_a_far_one_is_not() {
        let known = ["polling-interval", "host", "enabled", "lag", "ca"];
        for (written, meant) in [
            ("polling_interval", Some("polling-interval")),
            ("Enabled", Some("enabled")),
            ("hots", Some("host")),
            ("pollinginterval", Some("polling-interval")),
            ("leg", Some("lag")),
            ("colour", None),
            ("cb", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }

    #[test]
    fn the_nearest_of_several_wins() {
        assert_eq!(nearest("keep-sizes", ["keep", "max-size", "keep-size"]), Some("keep-size"));
    }
}
