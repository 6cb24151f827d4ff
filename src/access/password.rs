//! What a password must be, and the argon2id hash that is kept of it.
//!
//! | | | why |
//! |---|---|---|
//! | memory | 19 MiB | OWASP's floor; one piece, made at the first login and used again for all that follow |
//! | passes | 2 | |
//! | lanes | 1 | a box of two cores keeps one for the queue |
//!
//! One costs 20 ms of an AMD EPYC core (release build, the best of 31; 82 ms was the median while sixteen jobs shared two cores). Not measured on ARM.
//! Promise: one is at work at one time and six wait, whatever the network asks for; a thousand logins take no more memory than
//! one; and a name that does not exist costs the same work as one that does.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, PasswordHash, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::denied::{Broken, Denied};
use super::letters;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Bytes.
const DIGEST: usize = 32;
/// More would hold threads that the queue needs.
const WAITING: usize = 6;

const SHORTEST: usize = 12;
const LONGEST: usize = 128;
/// So much must be left of a password when its user's name is taken out.
const BESIDE_NAME: usize = 8;
/// Of twelve letters and more, those that lists of stolen passwords lead with.
const COMMON: [&str; 40] = [
    "123123123123",
    "1234567890ab",
    "123456789012",
    "1234567890123",
    "12345678901234",
    "1234567891011",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u8i",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "abcd1234abcd",
    "abcdefghijkl",
    "abnormalsecurity",
    "adminadmin123",
    "adminadminadmin",
    "administrator",
    "administrator1",
    "administrator123",
    "changemechangeme",
    "changeme1234",
    "conductor123",
    "conductorconductor",
    "iloveyou1234",
    "letmein12345",
    "letmeinletmein",
    "passw0rd1234",
    "password1234",
    "password12345",
    "password123456",
    "password123!",
    "passwordpassword",
    "p@ssw0rd1234",
    "p@ssword1234",
    "q1w2e3r4t5y6",
    "qazwsxedcrfv",
    "qwerty123456",
    "qwertyqwerty",
    "qwertyuiop12",
    "qwertyuiop123",
    "welcome12345",
];

/// May this be the password of this user? By length, not by kinds of letters (NIST SP 800-63B).
///
/// # Errors
/// A sentence that says what to do; nothing of the password is in it.
pub fn judge(password: &str, name: &str) -> Result<(), String> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(format!("the password is too short: {SHORTEST} letters or more; a few words will do"));
    }
    if length > LONGEST {
        return Err(format!("the password is too long: at most {LONGEST} letters"));
    }
    let lower = password.to_lowercase();
    let first = lower.chars().next();
    if COMMON.contains(&lower.as_str()) || lower.chars().all(|c| Some(c) == first) {
        return Err("this password is one of the first that anybody tries: take another".to_owned());
    }
    let name = name.split('@').next().unwrap_or_default();
    if name.len() >= 3 && lower.replace(name, "").chars().count() < BESIDE_NAME {
        return Err("the password is little more than the user's name: take another".to_owned());
    }
    Ok(())
}

/// Does the hashing, and keeps it from taking the box.
#[derive(Default)]
pub struct Hashing {
    work: Mutex<Work>,
    free: Condvar,
}

#[derive(Default)]
struct Work {
    at_work: bool,
    waiting: usize,
    /// What the last one worked in, wiped. Given back to the system each time, such pieces broke up the heap: thirty logins
    /// took half a gigabyte.
    memory: Vec<Block>,
}

impl Hashing {
    /// The PHC string of a password.
    ///
    /// # Errors
    /// [`Denied::Later`] where too many wait already.
    pub fn hash(&self, password: &str) -> Result<String, Denied> {
        let params = params()?;
        let salt = letters::random::<16>()?;
        let digest = self.turn()?.digest(password, salt.as_slice(), &params)?;
        let hash = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(broken)?,
            salt: Some(Salt::new(salt.as_slice()).map_err(broken)?),
            hash: Some(Output::new(&digest).map_err(broken)?),
        };
        Ok(hash.to_string())
    }

    /// Is this the password of that PHC string? `None`, of a user that is not there: no, after the same work.
    ///
    /// # Errors
    /// As [`Hashing::hash`].
    pub fn verify(&self, password: &str, kept: Option<&str>) -> Result<bool, Denied> {
        // Nobody's password is longer, and a long one must not cost more.
        let password = if password.chars().count() > LONGEST { "" } else { password };
        let mut turn = self.turn()?;
        // What is no hash of ours is none's password either.
        match kept.and_then(read) {
            Some((params, salt, digest)) => {
                Ok(turn.digest(password, salt.as_ref(), &params)?.ct_eq(digest.as_bytes()).into())
            }
            None => turn.digest(password, &[0; 16], &params()?).map(|_| false),
        }
    }

    fn turn(&self) -> Result<Turn<'_>, Denied> {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        if work.at_work {
            if work.waiting >= WAITING {
                return Err(Denied::Later(Duration::from_secs(1)));
            }
            work.waiting += 1;
            work = self.free.wait_while(work, |work| work.at_work).unwrap_or_else(PoisonError::into_inner);
            work.waiting -= 1;
        }
        work.at_work = true;
        let memory = std::mem::take(&mut work.memory);
        Ok(Turn { hashing: self, memory })
    }
}

/// The one that may work, and what it works in.
struct Turn<'h> {
    hashing: &'h Hashing,
    memory: Vec<Block>,
}

impl Turn<'_> {
    fn digest(&mut self, password: &str, salt: &[u8], params: &Params) -> Result<[u8; DIGEST], Denied> {
        self.memory.resize(params.block_count(), Block::default());
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let mut digest = [0; DIGEST];
        let memory = self.memory.as_mut_slice();
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut digest, memory).map_err(broken)?;
        Ok(digest)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Wiped, and empty; the piece of memory stays.
        self.memory.zeroize();
        let mut work = self.hashing.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.memory = std::mem::take(&mut self.memory);
        work.at_work = false;
        self.hashing.free.notify_one();
    }
}

/// What a PHC string says, where it is one of ours: a file that was changed must not ask for other work.
fn read(kept: &str) -> Option<(Params, Salt, Output)> {
    let kept = PasswordHash::new(kept).ok()?;
    let ours = params().ok()?;
    let params = Params::try_from(&kept).ok()?;
    let same = (params.m_cost(), params.t_cost(), params.p_cost()) == (ours.m_cost(), ours.t_cost(), ours.p_cost());
    let of_ours = same && kept.algorithm == ARGON2ID_IDENT && kept.version == Some(Version::V0x13.into());
    let (salt, digest) = (kept.salt?, kept.hash?);
    (of_ours && digest.len() == DIGEST).then_some((ours, salt, digest))
}

fn params() -> Result<Params, Denied> {
    Params::new(MEMORY_KIB, PASSES, 1, Some(DIGEST)).map_err(broken)
}

fn broken(error: impl ToString) -> Denied {
    Broken::Hash(error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_judged_by_its_length_and_by_what_everybody_tries_first() {
        for good in ["twelve words", "tränen im regen", "aaaaaaaaaaab", &"x y".repeat(42)] {
            assert_eq!(judge(good, "alice"), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("elevenlette", "too short"),
            ("äöüäöüäöüäö", "too short"),
            ("", "too short"),
            ("Password1234", "first that anybody"),
            ("zzzzzzzzzzzzzz", "first that anybody"),
            ("Alice-alice-1", "user's name"),
            (&"xy".repeat(65), "too long"),
        ] {
            let told = judge(bad, "alice").expect_err(bad);
            assert!(told.contains(why), "{bad}: {told}");
            assert!(bad.is_empty() || !told.contains(bad), "a password is not repeated");
        }
        assert!(judge("albatross-alb", "albatross@acme.example").is_err());
        assert!(COMMON.iter().all(|common| common.len() >= SHORTEST && common.to_lowercase() == *common));
    }

    #[test]
    fn a_hash_is_argon2id_of_the_promised_cost_and_knows_its_password_alone() {
        let hashing = Hashing::default();
        let kept = hashing.hash("correct horse battery").expect("hashed");
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_ne!(kept, hashing.hash("correct horse battery").expect("hashed"), "salted");
        assert!(hashing.verify("correct horse battery", Some(&kept)).expect("judged"));
        for (given, kept) in [("correct horse batterz", Some(kept.as_str())), ("", Some("")), ("", None)] {
            assert!(!hashing.verify(given, kept).expect("judged"));
        }
    }

    #[test]
    fn one_is_at_work_six_wait_and_the_next_is_told_to_come_back() {
        let hashing = Hashing::default();
        let turn = hashing.turn().expect("the first");
        let (done, waited) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..WAITING {
                let (hashing, done) = (&hashing, done.clone());
                scope.spawn(move || done.send(hashing.turn().is_ok()).expect("heard"));
            }
            while hashing.work.lock().expect("work").waiting < WAITING {
                std::thread::yield_now();
            }
            assert!(matches!(hashing.verify("x", None), Err(Denied::Later(_))));
            assert!(waited.try_recv().is_err(), "none goes before its turn");
            drop(turn);
            assert!((0..WAITING).all(|_| waited.recv().expect("its turn came")));
        });
        assert!(!hashing.work.lock().expect("work").at_work);
    }

    #[test]
    fn thirty_logins_took_half_a_gigabyte_and_now_work_in_one_wiped_piece_of_memory() {
        let hashing = Hashing::default();
        let piece = || {
            let work = hashing.work.lock().expect("work");
            (work.memory.as_ptr(), work.memory.capacity(), work.memory.len())
        };
        let kept = hashing.hash("correct horse battery").expect("hashed");
        let (first, capacity, length) = piece();
        assert_eq!((capacity, length), (MEMORY_KIB as usize, 0), "kept, and empty");
        for (given, kept) in [("correct horse battery", Some(kept.as_str())), ("another one here", None)] {
            hashing.verify(given, kept).expect("judged");
            assert_eq!(piece(), (first, capacity, 0), "the same piece again");
        }
    }

    #[test]
    fn a_hash_that_asks_for_more_work_than_ours_is_nobodys() {
        let hashing = Hashing::default();
        let kept = hashing.hash("correct horse battery").expect("hashed");
        for changed in
            [kept.replace("m=19456", "m=4194304"), kept.replace("t=2", "t=900"), kept.replace("argon2id", "argon2i")]
        {
            assert!(!hashing.verify("correct horse battery", Some(&changed)).expect("judged"), "{changed}");
        }
        assert!(hashing.work.lock().expect("work").memory.capacity() <= MEMORY_KIB as usize);
    }
}
