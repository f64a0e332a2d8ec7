//! Child processes and temporary folders that are gone when their value is, and what the kernel says about them.
//!
//! Knows nothing of gRPC.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use tokio::sync::oneshot;

/// No server takes longer to open ten million orders, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(300);

/// A folder of our own, removed with all that is in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a fresh folder in `parent`.
    pub fn new(parent: &Path, what: &str) -> anyhow::Result<Self> {
        let path = parent.join(format!("rung-bench-{what}-{}", uuid::Uuid::now_v7().simple()));
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server of ours: killed when this value goes.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens: `127.0.0.1:40123`.
    pub address: String,
    /// How long it took from its start until it was ready.
    pub opening: Duration,
}

impl Server {
    /// Starts a binary and waits for its `listening on ADDR`; what it logs goes to `log`.
    pub async fn start(binary: &Path, arguments: &[&str], log: &Path) -> anyhow::Result<Self> {
        let since = Instant::now();
        let mut child = command(binary, arguments, log)?.spawn().with_context(|| binary.display().to_string())?;
        let ready = listen(&mut child);
        let mut server = Self { child, address: String::new(), opening: Duration::ZERO };
        let line = tokio::time::timeout(PATIENCE, ready).await.context("the server did not become ready")?;
        server.opening = since.elapsed();
        server.address = line.map_err(|_| anyhow!("the server did not start: {}", tail(log)))?;
        Ok(server)
    }

    /// Ends it as a power cut would: SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it occupies in memory now, and at most so far.
    pub fn resident(&self) -> anyhow::Result<Resident> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("the server's status")?;
        Ok(Resident { now: kib(&status, "VmRSS:")?, peak: kib(&status, "VmHWM:")? })
    }

    /// The processor time it has used so far, in seconds.
    pub fn cpu_seconds(&self) -> anyhow::Result<f64> {
        cpu_seconds(&self.child.id().to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Resident {
    /// Now.
    pub now: u64,
    /// The most so far.
    pub peak: u64,
}

fn command(binary: &Path, arguments: &[&str], log: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(binary);
    // The caller's settings for a server of hers must not leak into ours.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RUNG_") {
            command.env_remove(name);
        }
    }
    let log = File::create(log).with_context(|| format!("making {}", log.display()))?;
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    Ok(command)
}

/// Waits on a thread of its own for the ready line, then goes on reading so that the child never blocks.
fn listen(child: &mut Child) -> oneshot::Receiver<String> {
    let (tell, ready) = oneshot::channel();
    let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
    std::thread::spawn(move || {
        let mut tell = Some(tell);
        for line in lines.into_iter().flatten().map_while(Result::ok) {
            if let Some(address) = address(&line)
                && let Some(tell) = tell.take()
            {
                let _ = tell.send(address.to_owned());
            }
        }
    });
    ready
}

fn address(line: &str) -> Option<&str> {
    line.split_once("listening on ")?.1.split_ascii_whitespace().next()
}

/// The last lines of a log, for an error text.
pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(5)).copied().collect::<Vec<_>>().join(" | ")
}

/// The processor time this process has used so far, in seconds.
pub fn own_cpu_seconds() -> anyhow::Result<f64> {
    cpu_seconds("self")
}

fn cpu_seconds(process: &str) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).context("the times of a process")?;
    // After the name, which may hold blanks, utime and stime are the 12th and 13th in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

fn kib(status: &str, name: &str) -> anyhow::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let Some(kib) = line.and_then(|rest| rest.split_ascii_whitespace().next()?.parse::<u64>().ok()) else {
        bail!("the kernel does not tell {name}");
    };
    Ok(kib * 1024)
}

/// What a folder occupies on disk, in bytes: blocks, not lengths, as files may be preallocated.
pub fn occupied(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => occupied(&entry.path()),
            Ok(about) => about.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_the_address() {
        assert_eq!(address("listening on 127.0.0.1:4011"), Some("127.0.0.1:4011"));
        assert_eq!(address("rung 0.1.0 listening on 127.0.0.1:4011 (plaintext)"), Some("127.0.0.1:4011"));
        assert_eq!(address("opening"), None);
    }

    #[test]
    fn the_kernel_counts_in_kib() {
        assert_eq!(kib("VmPeak:\t 9 kB\nVmRSS:\t   2048 kB\n", "VmRSS:").ok(), Some(2_097_152));
        assert!(kib("", "VmRSS:").is_err());
    }

    #[test]
    fn a_scratch_folder_goes_with_its_value() {
        let scratch = Scratch::new(&std::env::temp_dir(), "test").expect("a folder");
        let path = scratch.path().to_owned();
        fs::write(path.join("file"), [1; 5000]).expect("a file");
        assert!(occupied(&path) >= 5000);
        drop(scratch);
        assert!(!path.exists());
    }
}
