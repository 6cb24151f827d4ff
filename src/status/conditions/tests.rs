//! The closed list: one word each, and sentences for people.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_code_has_one_word_in_json_in_the_table_and_back() {
    let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words.len(), Code::ALL.len(), "no word is used twice");
    for code in Code::ALL {
        let json = serde_json::to_string(&code).expect("a code serialises");
        assert_eq!(json, format!("\"{code}\""));
        assert_eq!(serde_json::from_str::<Code>(&json).expect("and reads back"), code);
    }
}

#[test]
fn every_code_says_what_it_means_and_what_to_do_in_sentences() {
    for code in Code::ALL {
        for sentence in [code.meaning(), code.advice()] {
            assert!(sentence.ends_with('.') && sentence.len() > 20, "{code}: {sentence}");
            assert!(sentence.starts_with(|c: char| c.is_ascii_uppercase()), "{code}: {sentence}");
        }
    }
}
