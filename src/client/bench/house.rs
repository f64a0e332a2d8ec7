//! A Rung server under test: its process, its folder, its receipts, and the methods a bench calls on it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;

use super::Plan;
use super::callers::{self, Calls, Method};
use super::orders::{Receipts, Requests};
use super::process::{Scratch, Server, occupied};
use super::raw::{Raw, Shape, Verdict};
use super::streams::{self, End, Marks};
use super::template::Stamp;

/// An order that is sent once before the others, to be asked for again after a power cut.
const WITNESS: Stamp = Stamp { member: 0, receipt: 9_999_999_999_999 };

/// A server under test.
#[derive(Debug)]
pub struct House {
    /// Its process.
    pub server: Server,
    binary: PathBuf,
    flags: Vec<String>,
    folder: Scratch,
    members: u32,
    receipts: Receipts,
    unary: Method,
    item: Method,
}

impl House {
    /// Starts `binary` on an empty folder, and enrols members; `seen` looks at it in between.
    pub async fn open(binary: &Path, plan: &Plan, seen: impl FnOnce(&Server) + Send) -> anyhow::Result<Self> {
        let folder = Scratch::new(&plan.folder, "house")?;
        let server = serve(binary, folder.path(), &plan.flags).await?;
        seen(&server);
        let requests = Requests::new()?;
        let enrol = Method::new("/rung.v1.MemberService/EnrollMember", Raw::new(requests.enrol, Shape::Unary));
        callers::each(&server.address, &enrol, (plan.members, 1), "enrolled").await?;
        let unary = Method::new("/rung.v1.PointsService/RecordPurchase", Raw::new(requests.unary, Shape::Unary));
        let item = Method::new("/rung.v1.PointsService/RecordPurchases", Raw::new(requests.item, Shape::Item));
        let (binary, flags, members) = (binary.to_owned(), plan.flags.clone(), plan.members);
        Ok(Self { server, binary, flags, folder, members, receipts: Receipts::default(), unary, item })
    }

    /// Unary calls for a while.
    pub async fn calls(&self, span: Duration) -> anyhow::Result<Calls> {
        callers::run(&self.server.address, &self.unary, &self.receipts, self.members, span).await
    }

    /// Unary calls for a while, so many a second.
    pub async fn calls_at(&self, per_second: f64, span: Duration) -> anyhow::Result<Calls> {
        let pace = (span, Some(per_second));
        callers::run_paced(&self.server.address, &self.unary, &self.receipts, self.members, pace).await
    }

    /// Streams until the end.
    pub async fn stream(&self, end: End) -> anyhow::Result<std::sync::Arc<Marks>> {
        streams::run(&self.server.address, &self.item, &self.receipts, self.members, end).await
    }

    /// What its folder occupies on disk, in bytes.
    pub fn occupied(&self) -> u64 {
        occupied(self.folder.path())
    }

    /// Sends the witness and says what the server made of it.
    pub async fn witness(&self) -> anyhow::Result<Verdict> {
        let mut grpc = callers::connect(&self.server.address).await?;
        Ok(self.unary.call(&mut grpc, WITNESS).await?)
    }

    /// Kills the server and starts it again on the same folder; it must still know the witness.
    pub async fn reopen(&mut self) -> anyhow::Result<()> {
        self.server.kill();
        self.server = serve(&self.binary, self.folder.path(), &self.flags).await?;
        let verdict = self.witness().await?;
        ensure!(verdict == Verdict::Replayed, "after the kill, an acknowledged order is unknown: {verdict:?}");
        Ok(())
    }
}

/// Starts `binary` on a folder.
pub async fn serve(binary: &Path, folder: &Path, flags: &[String]) -> anyhow::Result<Server> {
    let data = folder.join("data").display().to_string();
    let mut arguments = vec!["serve", "--data", &data, "--listen", "127.0.0.1:0", "--operations", "127.0.0.1:0"];
    arguments.extend(flags.iter().map(String::as_str));
    Server::start(binary, &arguments, &folder.join("server.log")).await
}
