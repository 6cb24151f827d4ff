//! May the next event go now, and must it stand behind the one before it? Pure.
//!
//! With several on their way, a leader that dies takes some along and its successor keeps what came after them: the
//! stream would hold them out of order once they are sent again. So each names the one that must be the stream's last
//! (`Nats-Expected-Last-Msg-Id`), and what follows a lost one is refused. A place instead of an id would not do: another
//! writer's message fills the lost one's place. Where others write again and again, or where the servers would keep the
//! id of what they refused (see [`keeps_refused`]), events go one at a time.
//!
//! Promise: an event goes without one to stand behind only when nothing is on its way.

/// After a break: so many acknowledgements in a row before another one counts as the first.
const CALM: u32 = 1024;

#[derive(Debug)]
pub(super) struct Order {
    /// Events on their way, at the most.
    window: usize,
    /// Acknowledgements since the last break.
    since_break: u32,
    /// So many more go one at a time.
    alone: u32,
    /// These servers refuse at no cost.
    pipelines: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The oldest on its way has to be acknowledged first.
    Wait,
    /// It may go, and the one that went before it must be the stream's last.
    Behind,
    /// It may go, whatever the stream's last is: nothing of ours is on its way.
    Alone,
}

impl Order {
    pub(super) fn new(window: usize) -> Order {
        Order { window, since_break: CALM, alone: 0, pipelines: false }
    }

    /// A connection begins; `pipelines`: its servers do not keep what they refuse.
    pub(super) fn begin(&mut self, pipelines: bool) {
        self.pipelines = pipelines;
    }

    /// May the next one go, with so many on their way?
    pub(super) fn step(&self, open: usize) -> Step {
        if open == 0 {
            Step::Alone
        } else if open < self.window && self.pipelines && self.alone == 0 {
            Step::Behind
        } else {
            Step::Wait
        }
    }

    /// The oldest was acknowledged.
    pub(super) fn acknowledged(&mut self) {
        self.since_break = self.since_break.saturating_add(1);
        self.alone = self.alone.saturating_sub(1);
    }

    /// The stream's last was another one. Once is what a leader's death looks like, again and again what other writers
    /// look like: true if events go one at a time from here.
    pub(super) fn broken(&mut self) -> bool {
        let others = self.since_break < CALM;
        self.since_break = 0;
        if others {
            self.alone = CALM;
        }
        others
    }
}

/// Do servers of this version keep the id of a message that they refused? Since 2.10 the leader of a stream with
/// replicas notes an id before it looks at what must be the last: what it then refuses is a repeat of nothing until the
/// duplicate window ends. Older ones, and a stream without replicas, note an id when they store it.
pub(super) fn keeps_refused(version: &str, replicas: usize) -> bool {
    if replicas <= 1 {
        return false;
    }
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= (2, 10),
        // Not known: the careful way.
        (None, _) | (_, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(window: usize) -> Order {
        let mut order = Order::new(window);
        order.begin(true);
        order
    }

    #[test]
    fn the_first_goes_alone_and_the_others_stand_behind_it_until_the_window_is_full() {
        let order = many(3);
        assert_eq!([0, 1, 2, 3].map(|open| order.step(open)), [Step::Alone, Step::Behind, Step::Behind, Step::Wait]);
        assert_eq!(many(1).step(1), Step::Wait);
    }

    #[test]
    fn one_break_is_a_leaders_death_and_two_are_other_writers_until_it_is_calm() {
        let mut order = many(8);
        assert!(!order.broken());
        order.acknowledged();
        assert_eq!(order.step(1), Step::Behind, "on as before");
        assert!(order.broken());
        for n in 0..CALM {
            assert_eq!((order.step(0), order.step(1)), (Step::Alone, Step::Wait), "{n}");
            order.acknowledged();
        }
        assert_eq!(order.step(1), Step::Behind);
        assert!(!order.broken(), "calm for long enough");
    }

    #[test]
    fn events_go_one_at_a_time_where_a_refused_id_is_kept() {
        let mut order = Order::new(100);
        order.begin(false);
        assert_eq!((order.step(0), order.step(1)), (Step::Alone, Step::Wait));
        for (version, replicas, kept) in [
            ("2.9.10", 3, false),
            ("2.10.29", 3, true),
            ("2.11.4", 1, false),
            ("2.12.0-RC.1", 3, true),
            ("3.0.0", 5, true),
            ("", 3, true),
            ("x.y", 1, false),
        ] {
            assert_eq!(keeps_refused(version, replicas), kept, "{version} {replicas}");
        }
    }
}
