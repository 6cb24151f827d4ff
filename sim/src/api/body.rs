//! A body on its way out: whole, byte by byte, without end, or cut in the middle.
//!
//! Promise: nothing more than one chunk is held in memory, however long the body is.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use socket2::Socket;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::exchange::Manner;
use super::state::InFlight;

pub(super) struct Outgoing {
    rest: Bytes,
    stage: Stage,
    /// Counted as in flight until the body has gone.
    _in_flight: Option<InFlight>,
}

enum Stage {
    Whole,
    Trickled(Interval),
    Endless {
        left: u64,
    },
    /// The first half, a moment for it to leave, then the end.
    Cutting {
        socket: Arc<Socket>,
        halfway: bool,
        flushed: bool,
    },
}

impl Outgoing {
    /// Within a runtime: a trickle needs its clock.
    pub(super) fn new(body: Vec<u8>, manner: Manner, socket: Arc<Socket>, in_flight: Option<InFlight>) -> Outgoing {
        let stage = match manner {
            // An answer that never comes has no body to send.
            Manner::Whole | Manner::Never => Stage::Whole,
            Manner::Trickled { every } => {
                let mut clock = interval(every.max(Duration::from_millis(1)));
                clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
                Stage::Trickled(clock)
            }
            Manner::Endless { bytes } => Stage::Endless { left: bytes },
            Manner::Reset => Stage::Cutting { socket, halfway: false, flushed: false },
        };
        Outgoing { rest: body.into(), stage, _in_flight: in_flight }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Outgoing { rest, stage, .. } = self.get_mut();
        let chunk = match stage {
            Stage::Whole => rest.split_to(rest.len()),
            Stage::Trickled(clock) => {
                if rest.is_empty() {
                    return Poll::Ready(None);
                }
                match clock.poll_tick(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(_) => rest.split_to(1),
                }
            }
            Stage::Endless { left } => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left -= len as u64;
                rest.slice(..len)
            }
            Stage::Cutting { socket, halfway, flushed } => {
                if !*halfway {
                    *halfway = true;
                    rest.split_to(rest.len() / 2)
                } else if !*flushed {
                    // Once round the loop, so that the half leaves before the reset throws it away.
                    *flushed = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                } else {
                    // Closing with a linger of zero sends a reset.
                    let _ = socket.set_linger(Some(Duration::ZERO));
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
                }
            }
        };
        if chunk.is_empty() { Poll::Ready(None) } else { Poll::Ready(Some(Ok(Frame::data(chunk)))) }
    }

    /// Told early, so that a request is out of flight before its client has seen the end of the answer.
    fn is_end_stream(&self) -> bool {
        match &self.stage {
            Stage::Whole | Stage::Trickled(_) => self.rest.is_empty(),
            Stage::Endless { left } => *left == 0,
            Stage::Cutting { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.stage {
            Stage::Endless { .. } => SizeHint::default(),
            Stage::Whole | Stage::Trickled(_) | Stage::Cutting { .. } => SizeHint::with_exact(self.rest.len() as u64),
        }
    }
}
