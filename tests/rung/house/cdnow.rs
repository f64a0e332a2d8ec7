//! CDNOW: every purchase of 23,570 people in 18 months, loaded by the real command and summed to the last point.

use std::collections::BTreeMap;

use rung::pb;

use super::server::{House, file, rung};

const ROWS: u64 = 69_659;
const CUSTOMERS: usize = 23_570;

/// The server with the program of the shipped file.
fn open(flags: &[&str]) -> House {
    let program = file("deploy/programs/cdnow.toml");
    House::open(&[&["--program", &program], flags].concat())
}

/// Runs `rung load` on the fixture and reads what it counted.
fn load(house: &House, flags: &[&str]) -> BTreeMap<String, u64> {
    load_into(house, "cdnow", flags)
}

fn load_into(house: &House, program: &str, flags: &[&str]) -> BTreeMap<String, u64> {
    let fixture = file("tests/data/cdnow/CDNOW_master.txt");
    let fixed = ["load", "--server", house.address(), "--program", program, "--format", "cdnow"];
    let run = rung().args(fixed).args(flags).arg(fixture).output().unwrap();
    let said = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    let counts = said.lines().filter_map(|line| line.split_once(": "));
    counts.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect()
}

/// What is available in a wallet over all members.
fn points(members: &[pb::Member], wallet: &str) -> i64 {
    let balances = members.iter().flat_map(|member| &member.balances);
    balances.filter(|balance| balance.wallet == wallet).map(|balance| balance.available).sum()
}

/// What a meter reads for each member.
fn readings<'a>(members: &'a [pb::Member], meter: &'a str) -> impl Iterator<Item = i64> + 'a {
    members.iter().flat_map(|member| &member.meters).filter(move |read| read.meter == meter).map(|read| read.value)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_file_comes_to_the_published_sums() {
    let house = open(&[]);
    let first = load(&house, &[]);
    assert_eq!((first["applied"], first["replayed"], first["refused"]), (ROWS, 0, 0), "255 repeated rows count too");
    assert_eq!(first["members enrolled"], CUSTOMERS as u64);

    let till = house.till().await;
    let members = till.all_members("cdnow").await;
    assert_eq!(members.len(), CUSTOMERS);
    assert_eq!(members.iter().map(|member| member.entry_count as u64).sum::<u64>(), ROWS + CUSTOMERS as u64);
    for (wallet, sum) in [("floor", 2_453_159), ("half-up", 2_498_114), ("half-even", 2_497_914), ("ceil", 2_522_446)] {
        assert_eq!(points(&members, wallet), sum, "{wallet}");
    }
    assert_eq!(readings(&members, "spend_ever").sum::<i64>(), 250_031_563);
    assert_eq!(readings(&members, "spend_ever").map(|cents| cents / 100).sum::<i64>(), 2_486_122);

    let second = load(&house, &[]);
    assert_eq!((second["applied"], second["replayed"], second["members enrolled"]), (0, ROWS, 0));
    assert_eq!(till.all_members("cdnow").await, members, "a second load changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spenders_of_1997_stand_on_their_tiers() {
    let house = open(&["--test-clock", "1998-01-01T00:00:00Z"]);
    let tally = load(&house, &["--from", "1997-01-01", "--to", "1997-12-31"]);
    assert_eq!(tally["members enrolled"], CUSTOMERS as u64);

    let members = house.till().await.all_members("cdnow").await;
    assert_eq!(readings(&members, "spend_year").sum::<i64>(), 202_416_126);
    let standing = |tier: &str| {
        members.iter().filter(|member| member.standing.as_ref().is_some_and(|standing| standing.tier == tier)).count()
    };
    assert_eq!((standing("collector"), standing("regular")), (102, 883 - 102));
    assert_eq!(standing("member"), CUSTOMERS - 883);
}

/// If the free visit is among the rows, both wordings of "the tenth is free" give the same; if every row is a paid one,
/// nine paid visits give more.
#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_punched_and_stamped() {
    let house = House::open(&["--program", &file("tests/programs/cdnow-cards.toml")]);
    assert_eq!(load_into(&house, "cdnow-cards", &[])["applied"], ROWS);
    let members = house.till().await.all_members("cdnow-cards").await;
    let vouchers = |reward: &str| {
        let cut = members.iter().flat_map(|member| &member.vouchers);
        cut.filter(|voucher| voucher.reward == reward).count()
    };
    assert_eq!((vouchers("tenth"), vouchers("free")), (1_601, 1_991));
    let on_cards = |wallet| points(&members, wallet) as u64;
    assert_eq!((on_cards("every-tenth"), on_cards("nine-then-free")), (ROWS - 10 * 1_601, ROWS - 9 * 1_991));
    let stamps = members.iter().flat_map(|member| &member.balances).filter(|balance| balance.wallet == "stamps");
    let stamps: Vec<i64> = stamps.map(|balance| balance.available).collect();
    assert_eq!(stamps.iter().sum::<i64>(), 24_960_913);
    assert_eq!(stamps.iter().map(|stamps| stamps / 1_200).sum::<i64>(), 12_488, "full books");
    assert_eq!(stamps.iter().filter(|stamps| **stamps >= 1_200).count(), 5_272);
}
