//! The data folder: one server at a time, one kind of clock for ever, and nobody's card in the clear.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use rung::pb;
use tonic::Code;

use super::server::{House, file};
use super::till::{Order, Till, moment, purchase, refusal, wall_clock};

const MORNING: &str = "2025-06-01T08:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_server() {
    let first = House::open(&[]);
    let mut second = House::closed(first.data(), &[]);
    let why = second.try_start().unwrap_err();
    assert!(why.contains("in use by another process"), "{why}");
    first.till().await.enroll("aadvantage", "m-1").await.unwrap();
    drop(first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_a_test_clock_stays_one() {
    let mut house = House::open(&["--test-clock", MORNING]);
    let till = house.till().await;
    assert!(till.status().await.test_clock);
    let back = till.advance_clock("2025-06-01T07:59:59Z").await;
    assert_eq!(refusal(back), (Code::FailedPrecondition, "CLOCK_BACKWARDS".into()));
    till.advance_clock("2025-06-02T00:00:00Z").await.unwrap();
    till.enroll("aadvantage", "m-1").await.unwrap();
    house.kill();

    let mut real = house.with_flags(&[]);
    let why = real.try_start().unwrap_err();
    assert!(why.contains("was made under a test clock"), "{why}");

    let mut again = real.with_flags(&["--test-clock", MORNING]);
    again.start();
    let till = again.till().await;
    assert_eq!(till.status().await.now, Some(moment("2025-06-02T00:00:00Z")), "it never goes back behind an entry");
    let late = Order::new("aadvantage", "m-1", purchase("flight", "r-1", 100, "2025-06-02T00:05:00.000001Z"));
    assert_eq!(refusal(till.record(&late).await), (Code::FailedPrecondition, "OCCURRED_IN_FUTURE".into()));
    let skewed = Order::new("aadvantage", "m-1", purchase("flight", "r-1", 100, "2025-06-02T00:05:00Z"));
    till.record(&skewed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_the_real_clock_stays_one() {
    let mut house = House::open(&[]);
    let moved = house.till().await.advance_clock("2999-01-01T00:00:00Z").await;
    assert_eq!(refusal(moved), (Code::FailedPrecondition, "NO_TEST_CLOCK".into()));
    house.kill();
    let why = house.with_flags(&["--test-clock", MORNING]).try_start().unwrap_err();
    assert!(why.contains("cannot be opened with --test-clock"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_in_memory_leaves_the_folder_alone() {
    let mut house = House::open(&[]);
    house.till().await.enroll("aadvantage", "m-1").await.unwrap();
    tokio::task::block_in_place(|| house.terminate());
    let before = contents(house.data());

    let nowhere = house.data().join("nowhere");
    for data in [house.data(), &nowhere] {
        let mut trial = House::closed(data, &["--store", "memory", "--test-clock", MORNING]);
        trial.start();
        let till = trial.till().await;
        assert!(till.status().await.test_clock);
        enroll_by_card(&till).await;
        tokio::task::block_in_place(|| trial.terminate());
        assert_eq!(contents(house.data()), before, "{}", data.display());
    }
    assert!(!nowhere.exists());
    house.start();
    assert_eq!(house.till().await.member("aadvantage", "m-1").await.member_id, "m-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_opened_with_the_key_of_its_identifiers_alone() {
    let mut house = House::open(&[]);
    let till = house.till().await;
    enroll_by_card(&till).await;
    let bought = purchase("flight", "r-1", 100, &wall_clock());
    assert_eq!(buy_by_card(&till, &bought).await, pb::Outcome::Applied);
    house.kill();
    let key = house.data().join("identifier.key");
    let [kept, other] = ["kept.key", "other.key"].map(|name| house.data().join(name));
    let fingerprint = house.data().join("identifier.fingerprint");
    std::fs::write(&other, format!("{}\n", "5a".repeat(32))).unwrap();

    std::fs::rename(&key, &kept).unwrap();
    let why = house.try_start().unwrap_err();
    assert!(why.contains("put ") && why.contains("identifier.key back from your backup"), "{why}");
    assert!(!key.exists(), "no key is made for a folder with entries");
    let mut house = house.with_flags(&["--identifier-key", &other.display().to_string()]);
    let why = house.try_start().unwrap_err();
    assert!(why.contains("other.key is not the key"), "{why}");
    std::fs::copy(&other, &key).unwrap();
    let mut house = house.with_flags(&[]);
    let why = house.try_start().unwrap_err();
    assert!(why.contains("identifier.key is not the key"), "{why}");

    let mut house = house.with_flags(&["--identifier-key", &kept.display().to_string()]);
    house.start();
    assert_eq!(buy_by_card(&house.till().await, &bought).await, pb::Outcome::Replayed);
    house.kill();
    std::fs::remove_file(&fingerprint).unwrap();
    house.start();
    assert!(fingerprint.exists(), "a folder from before there were fingerprints gets one");
    house.kill();
    let why = house.with_flags(&[]).try_start().unwrap_err();
    assert!(why.contains("identifier.key is not the key"), "{why}");
}

/// Buys as a till that retries: by card, under the same receipt.
async fn buy_by_card(till: &Till, bought: &pb::Purchase) -> pb::Outcome {
    let request = pb::RecordPurchaseRequest {
        program: "aadvantage".into(),
        identifier: Some(identifier(&("card", CARD))),
        purchase: Some(bought.clone()),
        ..Default::default()
    };
    till.points().record_purchase(request).await.unwrap().into_inner().outcome()
}

async fn enroll_by_card(till: &Till) {
    let request = pb::EnrollMemberRequest {
        program: "aadvantage".into(),
        identifiers: vec![identifier(&("card", CARD))],
        request_id: "enroll".into(),
        ..Default::default()
    };
    till.members().enroll_member(request).await.unwrap();
}

/// Every file below a folder, and a hash of what is in it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, blake3::Hash> {
    let mut found = BTreeMap::new();
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let hash = blake3::hash(&std::fs::read(&path).unwrap());
            found.insert(path, hash);
        }
    }
    found
}

const CARD: &str = "1A2B3C4D5E6F7G8H";
const PHONE: &str = "+44 20 7946 0123";
const MAIL: &str = "Somebody.Somewhere@example.org";

#[tokio::test(flavor = "multi_thread")]
async fn who_somebody_is_is_in_no_file() {
    let mut house = House::open(&["--program", &file("tests/programs/model.toml")]);
    let till = house.till().await;
    let member = enroll_with(&till, "somebody-we-know", &[("card", CARD), ("phone", PHONE)]).await;
    let masks: Vec<&str> = member.identifiers.iter().map(|identifier| identifier.mask.as_str()).collect();
    assert_eq!(masks, ["…G8H", "…123"]);
    link(&till, "somebody-we-know", "mail", MAIL).await;
    nobody_is_in(&house.data().join("journal"), "somebody-we-know");
    tokio::task::block_in_place(|| house.terminate());
    nobody_is_in(house.data(), "somebody-we-know");
    assert!(!house.log().contains(CARD), "{}", house.log());
}

fn identifier((kind, value): &(&str, &str)) -> pb::Identifier {
    pb::Identifier { kind: (*kind).into(), value: (*value).into() }
}

async fn enroll_with(till: &Till, member_id: &str, identifiers: &[(&str, &str)]) -> pb::Member {
    let request = pb::EnrollMemberRequest {
        program: "model".into(),
        member_id: member_id.into(),
        identifiers: identifiers.iter().map(identifier).collect(),
        request_id: "enroll".into(),
        ..Default::default()
    };
    till.members().enroll_member(request).await.unwrap().into_inner().member.unwrap()
}

async fn link(till: &Till, member_id: &str, kind: &str, value: &str) {
    let request = pb::LinkIdentifierRequest {
        program: "model".into(),
        member_id: member_id.into(),
        identifier: Some(identifier(&(kind, value))),
        request_id: "link".into(),
        ..Default::default()
    };
    till.members().link_identifier(request).await.unwrap();
}

/// No file below `folder` holds an identifier, however it is written; `known` must be found, or the search is none.
fn nobody_is_in(folder: &Path, known: &str) {
    assert_ne!(holders(folder, &[known]), "", "nothing of her is in {}", folder.display());
    let spellings = [CARD, PHONE, "+442079460123", "442079460123", MAIL];
    assert_eq!(holders(folder, &spellings), "");
}

/// The files below a folder that hold one of these texts, in small or in large letters.
fn holders(folder: &Path, texts: &[&str]) -> String {
    let patterns = texts.iter().flat_map(|&text| ["-e", text]);
    let search = Command::new("grep").args(["-rlaiF"]).args(patterns).arg(folder).env("LC_ALL", "C").output().unwrap();
    assert!(search.status.code().is_some_and(|code| code < 2), "{search:?}");
    String::from_utf8(search.stdout).unwrap()
}
