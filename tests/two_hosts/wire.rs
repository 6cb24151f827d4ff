//! The wire between the two hosts: takes IP packets from one device and gives them to the other, or does not.
//!
//! Promise: which packets are lost is a matter of a seed and of their count; nothing is altered and nothing is invented.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use tappers::Tun;

/// What the wire is like, in both directions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Of a hundred packets so many are lost.
    pub loss: u8,
    /// Each takes so long one way.
    pub delay: Duration,
    /// And up to so much more, each as it comes: packets overtake each other.
    pub jitter: Duration,
    /// The cable is out: all is lost, and neither host is told.
    pub cut: bool,
    /// TCP's first packets of a connection are lost, towards the far host.
    pub swallows_syn: bool,
}

/// Packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub carried: u64,
    pub lost: u64,
    /// Carried before one that had come earlier.
    pub overtook: u64,
    /// First packets of connections that were swallowed.
    pub syns: u64,
}

pub struct Wire {
    weather: Arc<Mutex<Weather>>,
    count: Arc<Mutex<Count>>,
    near: End,
    far: End,
    far_device: Arc<Tun>,
}

/// Where packets for a host are put: its device, which may become another.
type End = Arc<RwLock<Arc<Tun>>>;

/// One packet under way: when it is due, its number, its bytes.
type Due = Reverse<(Instant, u64, Vec<u8>)>;

impl Wire {
    pub fn between(near: Tun, far: Tun) -> Wire {
        let (near, far) = (Arc::new(near), Arc::new(far));
        let wire = Wire {
            weather: Arc::default(),
            count: Arc::default(),
            near: Arc::new(RwLock::new(near.clone())),
            far: Arc::new(RwLock::new(far.clone())),
            far_device: far.clone(),
        };
        wire.carry(near, wire.far.clone(), 1, true);
        wire.carry(far, wire.near.clone(), 2, false);
        wire
    }

    pub fn set(&self, weather: Weather) {
        *self.weather.lock().expect("never poisoned") = weather;
    }

    pub fn count(&self) -> Count {
        *self.count.lock().expect("never poisoned")
    }

    /// Another machine's device is plugged in at the far end; the old one is out.
    pub fn plug_far(&mut self, device: Tun) {
        let device = Arc::new(device);
        *self.far.write().expect("never poisoned") = device.clone();
        self.far_device = device.clone();
        self.carry(device, self.near.clone(), 3, false);
    }

    /// Carries what comes from a device to the other end, for as long as the process lives.
    fn carry(&self, from: Arc<Tun>, to: End, seed: u64, to_far: bool) {
        let (weather, count) = (self.weather.clone(), self.count.clone());
        let plugged = self.far.clone();
        let (out, due) = channel::<(Instant, u64, Vec<u8>)>();
        let delivered = count.clone();
        thread::spawn(move || deliver(due, &to, &delivered));
        thread::spawn(move || {
            let mut chance = fastrand::Rng::with_seed(seed);
            let mut packet = vec![0; 2048];
            let mut number = 0;
            while let Ok(length) = from.recv(&mut packet) {
                let packet = &packet[..length];
                let out_of_use = !to_far && !Arc::ptr_eq(&from, &plugged.read().expect("never poisoned"));
                let now = *weather.lock().expect("never poisoned");
                let mut count = count.lock().expect("never poisoned");
                let syn = to_far && now.swallows_syn && is_first(packet);
                count.syns += u64::from(syn);
                if out_of_use || now.cut || syn || chance.u8(0..100) < now.loss {
                    count.lost += 1;
                    continue;
                }
                drop(count);
                let more = now.jitter.mul_f64(chance.f64());
                number += 1;
                if out.send((Instant::now() + now.delay + more, number, packet.to_vec())).is_err() {
                    return;
                }
            }
        });
    }
}

/// Puts each packet out when it is due.
fn deliver(packets: Receiver<(Instant, u64, Vec<u8>)>, to: &End, count: &Mutex<Count>) {
    let mut under_way: BinaryHeap<Due> = BinaryHeap::new();
    let mut newest = 0;
    loop {
        let wait = under_way
            .peek()
            .map_or(Duration::from_secs(3600), |Reverse((due, ..))| due.saturating_duration_since(Instant::now()));
        match packets.recv_timeout(wait) {
            Ok(packet) => {
                under_way.push(Reverse(packet));
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let Some(Reverse((_, number, packet))) = under_way.pop() else { continue };
        // A host whose device is gone takes nothing.
        let taken = to.read().expect("never poisoned").send(&packet).is_ok();
        let mut count = count.lock().expect("never poisoned");
        count.carried += u64::from(taken);
        count.overtook += u64::from(number < newest);
        newest = newest.max(number);
    }
}

/// Is it IPv4, TCP, SYN without ACK?
fn is_first(packet: &[u8]) -> bool {
    let tcp = usize::from(packet.first().copied().unwrap_or_default() & 0x0f) * 4;
    let is_tcp = packet.first().is_some_and(|first| first >> 4 == 4) && packet.get(9) == Some(&6);
    is_tcp && packet.get(tcp + 13).is_some_and(|flags| flags & 0x12 == 0x02)
}
