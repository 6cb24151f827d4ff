//! What the syslog receivers have in common: a child process, a port, and a file that grows by a line a message.
//!
//! Promise: waiting is bounded, and a failure shows what the receiver itself had to say.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use socket2::{Domain, Socket, Type};

/// How long a receiver may take to listen: generous, a loaded machine is slow.
const START_LIMIT: Duration = Duration::from_secs(120);

/// The receiver's TLS identity, and whom it asks for a certificate.
#[derive(Clone, Debug)]
pub struct Certs {
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
    /// Refuse a sender without a certificate of `ca`.
    pub verify_client: bool,
}

impl Certs {
    /// `ca.pem`, `server.pem` and `server.key` of a folder such as `conductor-sim certs` makes; senders are verified.
    pub fn in_dir(dir: &Path) -> Certs {
        Certs { ca: dir.join("ca.pem"), cert: dir.join("server.pem"), key: dir.join("server.key"), verify_client: true }
    }
}

/// One message as the receiver understood it. Fields that it found absent are empty or `-`, as the receiver has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Received {
    /// The priority, `<134>` being 134.
    pub pri: String,
    pub timestamp: String,
    pub hostname: String,
    pub app_name: String,
    pub proc_id: String,
    pub msg_id: String,
    /// As it was sent, brackets included.
    pub structured_data: String,
    /// MSG. What the receiver keeps of a byte order mark differs: use [`Received::text`].
    pub msg: String,
    /// The whole frame as it came in, octet count aside.
    pub raw: String,
}

impl Received {
    /// MSG without its byte order mark.
    pub fn text(&self) -> &str {
        self.msg.strip_prefix('\u{feff}').unwrap_or(&self.msg)
    }
}

/// A TCP port of 127.0.0.1 where nobody listens, and which the system gives to nobody else: it stays bound, without a listener, for
/// as long as the test program runs. A receiver may listen there all the same, since each of them sets `SO_REUSEADDR` as we do.
pub fn free_port() -> u16 {
    static HELD: Mutex<Vec<Socket>> = Mutex::new(Vec::new());
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("loopback has a free port");
    let address = socket.local_addr().ok().and_then(|bound| bound.as_socket()).expect("a bound socket has an address");
    HELD.lock().expect("nobody panics with it").push(socket);
    address.port()
}

/// How to start one receiver: the same command again after a kill.
#[derive(Debug)]
pub struct Plan {
    /// Such as `rsyslogd`.
    pub program: &'static str,
    pub arguments: Vec<String>,
    pub dir: PathBuf,
    pub port: u16,
}

/// A running receiver.
#[derive(Debug)]
pub struct Receiver {
    plan: Plan,
    child: Child,
}

impl Receiver {
    /// Starts it, and waits until it listens.
    pub fn start(plan: Plan) -> Receiver {
        let child = spawn(&plan);
        let mut receiver = Receiver { plan, child };
        receiver.wait_until_it_listens();
        receiver
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn port(&self) -> u16 {
        self.plan.port
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.plan.port)
    }

    /// SIGSTOP: its kernel goes on taking bytes, the process reads none once this returns.
    pub fn stop_reading(&self) {
        self.signal(Signal::SIGSTOP);
        let began = Instant::now();
        while !self.stands_still() {
            assert!(began.elapsed() < START_LIMIT, "{} does not stop", self.plan.program);
            sleep(Duration::from_millis(1));
        }
    }

    /// Are all of its threads stopped?
    fn stands_still(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("our own child is there");
        let stat = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        threads.flatten().map(stat).all(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// SIGKILL, also when it is stopped: what its sockets held goes with it.
    pub fn kill(&mut self) {
        // It may have died before; it is reaped either way.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for its end.
    pub fn terminate(&mut self) {
        self.signal(Signal::SIGTERM);
        let _ = self.child.wait();
    }

    /// Ends it if it runs, and starts it again on the same port; what it wrote stays.
    pub fn restart(&mut self) {
        self.kill();
        self.child = spawn(&self.plan);
        self.wait_until_it_listens();
    }

    /// Every message that it has written whole so far, in its order.
    pub fn lines(&self) -> Vec<Received> {
        self.raw_lines().iter().map(|line| read_line(line)).collect()
    }

    /// The same before any parsing: cheap to count.
    pub fn raw_lines(&self) -> Vec<String> {
        let written = fs::read(self.plan.dir.join("messages")).unwrap_or_default();
        // A last line without its end is still being written, perhaps up to within a character; one that a kill cut short
        // stays so.
        let whole = written.iter().rposition(|byte| *byte == b'\n').unwrap_or_default();
        String::from_utf8_lossy(&written[..whole]).lines().map(str::to_owned).collect()
    }

    /// The messages, as soon as there are `n` of them. Panics past `timeout`, telling how far it came.
    pub fn wait_for_lines(&self, n: usize, timeout: Duration) -> Vec<Received> {
        let path = self.plan.dir.join("messages");
        let began = Instant::now();
        let mut seen = 0;
        loop {
            let size = fs::metadata(&path).map_or(0, |file| file.len());
            if size != seen {
                seen = size;
                if self.raw_lines().len() >= n {
                    return self.lines();
                }
            }
            let have = || self.raw_lines().len();
            assert!(began.elapsed() < timeout, "{} of {n} messages after {timeout:?}\n{}", have(), self.log());
            sleep(Duration::from_millis(10));
        }
    }

    /// What the receiver said about itself.
    pub fn log(&self) -> String {
        fs::read_to_string(self.plan.dir.join("log")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid fits"));
        kill(pid, signal).expect("our own child can be signalled");
    }

    fn wait_until_it_listens(&mut self) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.plan.port)).is_err() {
            let ended = self.child.try_wait().expect("our own child can be asked after");
            let program = self.plan.program;
            assert!(ended.is_none(), "{program} ended at once ({ended:?})\n{}", self.log());
            assert!(began.elapsed() < START_LIMIT, "{program} does not listen\n{}", self.log());
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(plan: &Plan) -> Child {
    let log = File::options().create(true).append(true).open(plan.dir.join("log")).expect("the log can be written");
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin").join(plan.program);
    let program = if unpacked.is_file() { unpacked } else { PathBuf::from(plan.program) };
    Command::new(&program)
        .args(&plan.arguments)
        .current_dir(&plan.dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle on the log"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{} can't be started ({error}): run `cargo xtask setup`", plan.program))
}

fn read_line(line: &str) -> Received {
    serde_json::from_str(line)
        .unwrap_or_else(|error| panic!("the receiver wrote a line that is no JSON ({error}): {line}"))
}
