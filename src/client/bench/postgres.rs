//! The rival: a PostgreSQL of our own in a temporary folder, fully durable, and pgbench calling one function per
//! purchase. The SQL is in `benches/postgres/`; it is built in, so that the binary needs nothing but PostgreSQL.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use super::process::Scratch;

/// Clients of pgbench.
const CLIENTS: &str = "16";
const SETTINGS: &str = include_str!("../../../benches/postgres/postgresql.conf");
const SCRIPTS: [(&str, &str); 4] = [
    ("schema.sql", include_str!("../../../benches/postgres/schema.sql")),
    ("purchase.sql", include_str!("../../../benches/postgres/purchase.sql")),
    ("members.sql", include_str!("../../../benches/postgres/members.sql")),
    ("run.sql", include_str!("../../../benches/postgres/run.sql")),
];

/// A running PostgreSQL: stopped when this value goes.
#[derive(Debug)]
pub struct Postgres {
    tools: PathBuf,
    folder: Scratch,
    /// Whose processes they are, where we are root and PostgreSQL would refuse.
    owner: Option<(u32, u32)>,
    members: u32,
    runs: u32,
}

impl Postgres {
    /// Starts one with its members loaded; `None` if PostgreSQL is not on this machine.
    pub fn start(parent: &Path, members: u32) -> anyhow::Result<Option<Self>> {
        let Some(tools) = tools() else { return Ok(None) };
        let folder = Scratch::new(parent, "postgres")?;
        let owner = owner(folder.path())?;
        let postgres = Self { tools, folder, owner, members, runs: 0 };
        postgres.prepare().context("starting PostgreSQL")?;
        Ok(Some(postgres))
    }

    fn prepare(&self) -> anyhow::Result<()> {
        let folder = self.folder.path();
        for (name, text) in SCRIPTS {
            fs::write(folder.join(name), text)?;
        }
        if let Some((user, group)) = self.owner {
            chown(folder, Some(user), Some(group))?;
        }
        let cluster = self.cluster();
        self.run("initdb", &["-D", &cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"])?;
        let configuration = folder.join("cluster/postgresql.conf");
        let settings = format!("{}\n{SETTINGS}\n", fs::read_to_string(&configuration)?);
        fs::write(configuration, format!("{settings}unix_socket_directories = '{}'\n", folder.display()))?;
        let log = self.path("log");
        self.run("pg_ctl", &["-D", &cluster, "-l", &log, "-w", "-s", "start"])?;
        let members = format!("members={}", self.members);
        for script in ["schema.sql", "purchase.sql", "members.sql"] {
            self.run("psql", &["-q", "-v", "ON_ERROR_STOP=1", "-v", &members, "-f", script])?;
        }
        Ok(())
    }

    /// The server's version, such as `15.18`.
    pub fn version(&self) -> anyhow::Result<String> {
        Ok(self.run("psql", &["-Atc", "show server_version"])?.trim().to_owned())
    }

    /// Purchases per second over a run of `span`.
    pub fn purchases_per_second(&mut self, span: Duration) -> anyhow::Result<f64> {
        self.runs += 1;
        let seconds = span.as_secs().max(1).to_string();
        let (members, run) = (format!("members={}", self.members), format!("run={}", self.runs));
        let fixed = ["-n", "-M", "prepared", "-c", CLIENTS, "-j", "1", "-f", "run.sql", "-D", "count=0"];
        let sizes = ["-T", &seconds, "-D", &members, "-D", &run];
        let report = self.run("pgbench", &[&fixed[..], &sizes[..]].concat())?;
        per_second(&report).with_context(|| format!("pgbench said: {report}"))
    }

    fn run(&self, tool: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(self.tools.join(tool));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("PGHOST", self.folder.path()).env("PGUSER", "postgres").env("PGDATABASE", "postgres");
        command.env_remove("PGPORT").env_remove("PGOPTIONS").env("LC_ALL", "C");
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        // A daemon keeps what it inherits: pg_ctl must not get a pipe whose end we would wait for.
        let starts = tool == "pg_ctl";
        if starts {
            let (out, err) = (Stdio::null(), fs::File::create(self.folder.path().join("pg_ctl.log"))?);
            let status = command.stdout(out).stderr(err).status().context(tool.to_owned())?;
            return if status.success() { Ok(String::new()) } else { Err(anyhow!("{tool} failed")) };
        }
        let output = command.output().with_context(|| tool.to_owned())?;
        if !output.status.success() {
            bail!("{tool}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn cluster(&self) -> String {
        self.path("cluster")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.run("pg_ctl", &["-D", &self.cluster(), "-m", "immediate", "-w", "-s", "stop"]);
    }
}

/// Where PostgreSQL's programs are: on the path, or where Debian puts them; the newest of several.
fn tools() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    debian.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = ["initdb", "pg_ctl", "postgres", "psql", "pgbench"];
    let mut folders = debian.into_iter().rev().chain(std::env::split_paths(&path));
    folders.find(|folder| all.iter().all(|tool| folder.join(tool).is_file()))
}

/// The user `postgres`, if we are root; PostgreSQL does not run as root.
fn owner(ours: &Path) -> anyhow::Result<Option<(u32, u32)>> {
    if fs::metadata(ours)?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").context("looking for the user `postgres`")?;
    user(&users, "postgres").map(Some).context("PostgreSQL does not run as root and there is no user `postgres`")
}

fn user(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut numbers = line.split(':').skip(2).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn per_second(report: &str) -> Option<f64> {
    let line = report.lines().find_map(|line| line.strip_prefix("tps = "))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_the_report() {
        let report = "latency average = 2.2 ms\ntps = 7185.416119 (without initial connection time)\n";
        assert_eq!(per_second(report), Some(7185.416119));
        assert_eq!(per_second("no report"), None);
    }

    #[test]
    fn the_user_is_found_among_the_users() {
        let users = "root:x:0:0::/root:/bin/sh\npostgres:x:101:104::/var/lib/postgresql:/bin/bash\n";
        assert_eq!(user(users, "postgres"), Some((101, 104)));
        assert_eq!(user(users, "post"), None);
    }
}
