//! Memory for large answers, shared by all clients.
//!
//! Promise: few large answers are read at a time, whatever many vendors send at once, and what stays behind when all
//! are read is the memory of one.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Large answers read at the same time. One client holds one of these at the most, so that a server that trickles
/// does not keep the others from reading.
const MOST_AT_ONCE: usize = 4;

#[derive(Clone, Debug)]
pub(super) struct Large {
    room: Arc<Semaphore>,
    /// Kept for the next one: sizes grown through would leave holes in the heap.
    spare: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Default for Large {
    fn default() -> Large {
        Large { room: Arc::new(Semaphore::new(MOST_AT_ONCE)), spare: Arc::default() }
    }
}

/// Lent memory, empty at first.
pub(super) struct Loan {
    memory: Vec<u8>,
    from: Large,
    _room: Option<OwnedSemaphorePermit>,
}

impl Large {
    /// Memory for `bytes`, once there is room. Only what is written costs anything.
    pub(super) async fn lend(&self, bytes: usize) -> Loan {
        // It is never closed.
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut memory = spare.unwrap_or_default();
        memory.reserve_exact(bytes);
        Loan { memory, from: self.clone(), _room: room }
    }
}

impl Deref for Loan {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.memory
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.memory
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let mut memory = std::mem::take(&mut self.memory);
        memory.clear();
        self.from.spare.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn four_are_lent_at_once_and_the_memory_of_one_is_kept_and_comes_back_empty() {
        let large = Large::default();
        let mut loans = Vec::new();
        for _ in 0..MOST_AT_ONCE {
            let mut loan = large.lend(1 << 20).await;
            loan.extend_from_slice(b"CANARY");
            loans.push(loan);
        }
        assert_eq!(large.room.available_permits(), 0);
        drop(loans);
        assert_eq!(large.room.available_permits(), MOST_AT_ONCE);
        let again = large.lend(10).await;
        assert!(again.is_empty() && again.capacity() >= 1 << 20);
        assert!(large.spare.lock().expect("whole").is_none(), "one is kept, not four");
    }
}
