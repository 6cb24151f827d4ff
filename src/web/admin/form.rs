//! A form as a page shows it: its fields, the first ones and the rest, and what was refused.

use super::sheet::{Field, Wrong};

pub(super) struct Form {
    /// Where Save posts to.
    pub action: String,
    /// Where Test Connection posts to, where there is one.
    pub test: Option<String>,
    /// Where Cancel leads.
    pub back: String,
    /// The `type` of a destination.
    pub kind: Option<&'static str>,
    /// Asked for where there is none yet.
    pub name: Option<NameField>,
    pub main: Vec<Field>,
    pub more: Vec<Field>,
    /// What is wrong with the whole.
    pub refused: Vec<String>,
    pub wrong_fields: usize,
}

pub(super) struct NameField {
    pub typed: String,
    pub wrong: Vec<String>,
    pub example: &'static str,
    pub why: &'static str,
}

impl Form {
    /// The fields with those of `first` on top, in that order.
    pub(super) fn of(mut fields: Vec<Field>, first: &[&str]) -> Form {
        fields.sort_by_key(|field| first.iter().position(|name| *name == field.name).unwrap_or(first.len()));
        let split = fields.iter().take_while(|field| first.contains(&field.name.as_str())).count();
        let more = fields.split_off(split);
        let (action, back) = (String::new(), String::new());
        Form {
            action,
            test: None,
            back,
            kind: None,
            name: None,
            main: fields,
            more,
            refused: Vec::new(),
            wrong_fields: 0,
        }
    }

    /// Told beside no field: what is wrong with the whole, and with what no field of this form shows.
    pub(super) fn refused(mut self, whole: Vec<String>, wrong: &[Wrong]) -> Form {
        let shown = |name: &str| {
            name == "name" && self.name.is_some() || self.main.iter().chain(&self.more).any(|field| field.name == name)
        };
        let unseen = wrong.iter().filter(|(name, _)| !shown(name)).map(|(_, sentence)| sentence.clone());
        let unseen: Vec<String> = unseen.collect();
        self.wrong_fields = wrong.len() - unseen.len();
        self.refused = whole.into_iter().chain(unseen).collect();
        self
    }

    pub(super) fn more_is_wrong(&self) -> bool {
        self.more.iter().any(|field| !field.wrong.is_empty())
    }
}
