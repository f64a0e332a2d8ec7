//! Questions about everybody over restarts: the answers stay, and a start folds what is new, not everything.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rung::pb;
use rung::pb::segment_service_client::SegmentServiceClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{House, file, rung};
use super::till::{Order, Till, purchase};

const PROGRAM: &str = "cdnow";
const CLOCK: &str = "1998-07-01T00:00:00Z";
/// The entries of the year 1997: far more than what may be folded after a start with notes.
const MANY: u64 = 50_000;
/// The first notes are written after two seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gauge, as the operations port shows it.
async fn gauge(house: &House, name: &str) -> u64 {
    let mut stream = tokio::net::TcpStream::connect(house.operations()).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: rung\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    let line = said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {said}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

/// Waits until something is written down while the server runs.
async fn wait_for_notes(house: &House) {
    let since = Instant::now();
    while gauge(house, "rung_analyst_noted").await < 2 {
        assert!(since.elapsed() < PATIENCE, "nothing is written down: {}", house.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn end(house: &mut House) {
    let (status, _) = tokio::task::block_in_place(|| house.terminate());
    assert_eq!(status.code(), Some(0), "{}", house.log());
}

/// Answers to questions of several kinds, about windows of several lengths. (Not what they took.)
async fn answers(till: &Till) -> Vec<String> {
    let mut service = SegmentServiceClient::new(till.channel());
    let mut told = Vec::new();
    for (from, to) in
        [("", ""), ("1997-01-01", "1998-01-01"), ("1997-03-02", "1997-03-09"), ("1998-06-30", "1998-07-02")]
    {
        for measure in [pb::Measure::Spend, pb::Measure::Visits, pb::Measure::Points] {
            let (program, from, to, measure) = (PROGRAM.to_owned(), from.to_owned(), to.to_owned(), measure.into());
            let window = pb::SegmentWindow { from: from.clone(), to: to.clone(), measure, ..Default::default() };
            let request = pb::GetParetoReportRequest {
                program: program.clone(),
                from,
                to,
                measure,
                lorenz_points: 50,
                ..Default::default()
            };
            let report = service.get_pareto_report(request).await.unwrap().into_inner();
            told.push(format!("{:?}", pb::GetParetoReportResponse { bytes: 0, took_us: 0, ..report }));
            let window = Some(window);
            let request =
                pb::ListTopMembersRequest { program: program.clone(), window: window.clone(), ..Default::default() };
            told.push(format!("{:?}", service.list_top_members(request).await.unwrap().into_inner()));
            let request = pb::GetSegmentReportRequest { program, window, ..Default::default() };
            told.push(format!("{:?}", service.get_segment_report(request).await.unwrap().into_inner()));
        }
    }
    told
}

/// (Shown whole, they would fill a book.)
fn same(found: &[String], before: &[String]) {
    let other = found.iter().zip(before).find(|(found, before)| found != before);
    assert_eq!((other, found.len()), (None, before.len()));
}

fn load(house: &House, from: &str, to: &str) {
    let fixed = ["load", "--server", house.address(), "--program", PROGRAM, "--format", "cdnow"];
    let days = ["--from", from, "--to", to];
    let run = rung().args(fixed).args(days).arg(file("tests/data/cdnow/CDNOW_master.txt")).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

fn notes(house: &House) -> std::path::PathBuf {
    let named = |path: &Path| path.extension().is_some_and(|extension| extension == "notes");
    let found = fs::read_dir(house.data().join("notes")).unwrap().map(|entry| entry.unwrap().path());
    found.filter(|path| named(path)).min().expect("notes")
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_survive_kill_9_without_a_full_replay() {
    let mut house = House::open(&["--program", &file("deploy/programs/cdnow.toml"), "--test-clock", CLOCK]);
    load(&house, "1997-01-01", "1997-12-31");
    wait_for_notes(&house).await;
    answers(&house.till().await).await;
    end(&mut house);
    house.start();
    load(&house, "1998-01-01", "1998-01-31");
    let before = answers(&house.till().await).await;
    house.restart();
    same(&answers(&house.till().await).await, &before);
    let folded = gauge(&house, "rung_analyst_folded").await;
    assert!(folded < MANY / 4, "{folded} entries were folded after a restart");
    assert!(house.log().contains("the analyst goes on from its notes"), "{}", house.log());

    // Told to end, it writes down what it knows: nothing is folded again.
    let sold = Order::new(PROGRAM, "00001", purchase("sale", "late-1", 1_500, "1998-06-30T12:00:00Z"));
    let till = house.till().await;
    let answer = till.record(&sold).await;
    let before = answers(&till).await;
    answer.unwrap();
    drop(till);
    end(&mut house);
    house.start();
    same(&answers(&house.till().await).await, &before);
    assert_eq!(gauge(&house, "rung_analyst_folded").await, 0, "{}", house.log());

    // Damaged, cut, of another program, or gone: folded from the beginning, to the same answers. (What is found to be of no
    // use is removed, and the next is not written at once.)
    let path = notes(&house);
    let whole = fs::read(&path).unwrap();
    for damage in 0..4 {
        house.kill();
        match damage {
            0 => fs::write(&path, &whole[..whole.len() / 2]).unwrap(),
            1 => {
                let mut other = whole.clone();
                other[whole.len() / 3] ^= 4;
                fs::write(&path, other).unwrap();
            }
            2 => fs::write(&path, [&whole[..whole.len() - 40], &[0; 40]].concat()).unwrap(),
            _ => drop(fs::remove_file(&path)),
        }
        house.start();
        same(&answers(&house.till().await).await, &before);
        let folded = gauge(&house, "rung_analyst_folded").await;
        assert!(folded > MANY, "damage {damage}: {folded} entries are not all");
        assert_eq!(house.log().contains("the analyst's notes are of no use"), damage < 3, "{}", house.log());
    }
    end(&mut house);
    house.start();
    same(&answers(&house.till().await).await, &before);
    assert_eq!(gauge(&house, "rung_analyst_folded").await, 0);
}
