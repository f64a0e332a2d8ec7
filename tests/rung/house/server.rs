//! A server process: started on a folder of its own, ended by a signal, gone when its value is.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::till::Till;

/// No start and no end of a server takes longer, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test.
const RUNG: &str = env!("CARGO_BIN_EXE_rung");

/// A file of the repository.
pub fn file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}

/// The binary under test, without the caller's settings for a server of hers.
pub fn rung() -> Command {
    let mut command = Command::new(RUNG);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RUNG_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// A data folder, the flags that go with it, and the server that runs on it, if one does.
pub struct House {
    data: PathBuf,
    flags: Vec<String>,
    running: Option<Running>,
    /// Holds the log, and the data if their folder was not given; removed with everything in it.
    own: TempDir,
}

struct Running {
    child: Child,
    address: String,
}

impl House {
    /// Starts a server with these flags on a fresh folder.
    pub fn open(flags: &[&str]) -> Self {
        let own = TempDir::new().unwrap();
        let data = own.path().join("data");
        let mut house = Self { data, flags: owned(flags), running: None, own };
        house.start();
        house
    }

    /// A house on a folder of somebody else's, where nothing runs yet.
    pub fn closed(data: &Path, flags: &[&str]) -> Self {
        Self { data: data.to_owned(), flags: owned(flags), running: None, own: TempDir::new().unwrap() }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What the newest server logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.own.path().join("server.log")
    }

    /// Starts with other flags from now on.
    pub fn with_flags(mut self, flags: &[&str]) -> Self {
        self.flags = owned(flags);
        self
    }

    /// Starts the server.
    pub fn start(&mut self) {
        self.try_start().unwrap_or_else(|why| panic!("the server does not start: {why}"));
    }

    /// Starts the server, or says what it said when it would not start.
    pub fn try_start(&mut self) -> Result<(), String> {
        assert!(self.running.is_none(), "it runs already");
        let log = File::create(self.log_file()).unwrap();
        let mut command = rung();
        command.args(["serve", "--listen", "127.0.0.1:0", "--operations", "127.0.0.1:0", "--data"]);
        command.arg(&self.data).args(&self.flags).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().unwrap();
        match ready_line(&mut child) {
            Some(address) => {
                self.running = Some(Running { child, address });
                Ok(())
            }
            None => {
                let _ = child.kill();
                let status = child.wait().unwrap();
                Err(format!("{status}: {}", self.log()))
            }
        }
    }

    /// Where the server listens.
    pub fn address(&self) -> &str {
        &self.running.as_ref().expect("a running server").address
    }

    /// Where the server shows its metrics; it only tells its log.
    pub fn operations(&self) -> String {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("operations port")).expect("an operations port");
        line.split_once("address=").unwrap().1.to_owned()
    }

    /// A connection of its own.
    pub async fn till(&self) -> Till {
        Till::connect(self.address()).await
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }

    /// `kill -9` and a start on the same folder.
    pub fn restart(&mut self) {
        self.kill();
        self.start();
    }

    /// SIGTERM; how the server ended, and how long it took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let since = Instant::now();
        self.ask_to_end();
        let status = self.wait();
        (status, since.elapsed())
    }

    /// SIGTERM, without waiting for the end.
    pub fn ask_to_end(&self) {
        let id = self.running.as_ref().expect("a running server").child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Waits for the end that was asked for.
    pub fn wait(&mut self) -> ExitStatus {
        let mut child = self.running.take().expect("a running server").child;
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        panic!("the server does not end: {}", self.log());
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

fn owned(flags: &[&str]) -> Vec<String> {
    flags.iter().map(|&flag| flag.to_owned()).collect()
}

/// The address of the ready line; `None` if the process ended without it.
fn ready_line(child: &mut Child) -> Option<String> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let address = line.strip_prefix("listening on ").map(str::to_owned);
            if let Some(address) = address {
                let _ = tell.send(address);
            }
        }
    });
    told.recv_timeout(PATIENCE).ok()
}
