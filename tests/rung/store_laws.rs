//! The laws of the store, as one suite that every implementation must pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use rung::domain::event::Seq;
use rung::domain::order::{Claim, MemberKey};
use rung::domain::program::ProgramNo;
use rung::domain::units::Moment;
use rung::store::embedded::{Embedded, Options};
use rung::store::memory::Memory;
use rung::store::{CommitError, Store, Wants};
use tempfile::TempDir;

use crate::store_ledger::{Ledger, card, key, now, receipt};

/// A small store: everything that is bounded is reached soon.
pub fn tight(dir: &TempDir) -> Options {
    Options {
        segment_bytes: 64 << 10,
        cache_bytes: 64 << 10,
        dirty_bytes: 256 << 10,
        round_entries: 256,
        lag_entries: 1_024,
        ballast_bytes: 0,
        free_floor_bytes: 0,
        ..Options::new(dir.path())
    }
}

fn each_store(law: impl Fn(&dyn Store)) {
    law(&*Memory::new());
    let dir = TempDir::new().unwrap();
    law(&*Embedded::open(tight(&dir)).unwrap());
    let dir = TempDir::new().unwrap();
    let roomy = Options { segment_bytes: 1 << 20, ballast_bytes: 0, free_floor_bytes: 0, ..Options::new(dir.path()) };
    law(&*Embedded::open(roomy).unwrap());
}

/// Compares everything a store says with the ledger.
pub fn agrees(store: &dyn Store, ledger: &Ledger) {
    let head = ledger.entries.len() as u64;
    assert_eq!(store.status().head, Seq(head));
    let mut fed = Vec::new();
    while (fed.len() as u64) < head {
        let more = now(store.feed(Seq(fed.len() as u64), 100)).unwrap();
        assert!(!more.is_empty(), "the feed has a hole after {}", fed.len());
        fed.extend(more);
    }
    assert_eq!(fed, ledger.entries, "the feed is the ledger");
    assert_eq!(now(store.feed(Seq(head), 10)).unwrap(), vec![]);
    let wants = Wants { members: ledger.members.keys().copied().collect(), ..Wants::default() };
    let (near, _) = wants.members.split_at(wants.members.len() / 2);
    now(store.bring_near(near));
    let found = now(store.read(&wants)).unwrap().members.into_iter().collect::<BTreeMap<_, _>>();
    assert_eq!(found, ledger.members, "every member is the fold of her entries");
    for (key, member) in &ledger.members {
        assert_eq!(now(store.member(*key)).unwrap().as_ref(), Some(member), "one is found as many are");
    }
    assert_eq!(listed(store, 7), ledger.members.values().cloned().collect::<Vec<_>>());
    agrees_on_due(store, ledger);
    agrees_on_keys(store, ledger);
}

fn listed(store: &dyn Store, page: usize) -> Vec<Arc<rung::domain::member::Member>> {
    let mut all: Vec<Arc<rung::domain::member::Member>> = Vec::new();
    loop {
        let more = now(store.members(ProgramNo(1), all.last().map(|member| member.key), page)).unwrap();
        let is_last = more.len() < page;
        all.extend(more);
        if is_last {
            return all;
        }
    }
}

fn agrees_on_due(store: &dyn Store, ledger: &Ledger) {
    let mut due: Vec<_> = ledger.members.values().filter_map(|m| Some((m.next_due()?, m.key))).collect();
    due.sort_unstable();
    assert_eq!(now(store.due(Moment::NEVER, usize::MAX)).unwrap(), due, "the due index is every member's next moment");
    if let Some((middle, _)) = due.get(due.len() / 2) {
        let until: Vec<_> = due.iter().filter(|(at, _)| at <= middle).copied().collect();
        assert_eq!(now(store.due(*middle, usize::MAX)).unwrap(), until);
        assert_eq!(now(store.due(*middle, 3)).unwrap(), until[..until.len().min(3)]);
    }
}

fn agrees_on_keys(store: &dyn Store, ledger: &Ledger) {
    let mut first: BTreeMap<Claim, Seq> = BTreeMap::new();
    for entry in &ledger.entries {
        for claim in entry.claims() {
            first.entry(claim).or_insert(entry.seq);
        }
    }
    let wants = Wants { claims: first.keys().copied().collect(), ..Wants::default() };
    let found: BTreeMap<_, _> = now(store.read(&wants)).unwrap().claims.into_iter().map(|(c, e)| (c, e.seq)).collect();
    assert_eq!(found, first, "every claim answers with its first entry");
    let held: BTreeMap<_, _> =
        ledger.members.values().flat_map(|m| m.identifiers.iter().map(|i| (i.hash, m.key))).collect();
    let wants = Wants { identifiers: held.keys().copied().collect(), ..Wants::default() };
    let found = now(store.read(&wants)).unwrap();
    assert_eq!(found.identifiers.into_iter().collect::<BTreeMap<_, _>>(), held);
    assert!(held.values().all(|key| found.members[key] == ledger.members[key]), "members come along");
}

/// A history with a bit of everything.
pub fn some_history(store: &dyn Store, ledger: &mut Ledger, from: u64, steps: u64) {
    if ledger.entries.is_empty() {
        ledger.program(1);
        ledger.commit(store);
    }
    for n in from..from + steps {
        ledger.enroll(n);
        ledger.purchase(n, n);
        for other in 1..4 {
            ledger.purchase((n * 7919 * other) % (n + 1), 1_000_000 * other + n);
        }
        match n % 7 {
            0 => _ = ledger.tier(n / 2, (n % 400) as i64 + 1),
            1 => _ = ledger.link(n, 1_000_000 + n),
            2 if n > 20 => _ = ledger.unlink(n - 1, 1_000_000 + n - 1),
            3 => _ = ledger.close(n / 3),
            _ => {}
        }
        if n % 3 == 0 {
            ledger.commit(store);
        }
    }
    ledger.program((from + 2) as u32);
    ledger.commit(store);
}

#[test]
fn what_was_committed_is_visible() {
    each_store(|store| {
        let mut ledger = Ledger::new();
        agrees(store, &ledger);
        some_history(store, &mut ledger, 0, 300);
        agrees(store, &ledger);
        some_history(store, &mut ledger, 300, 300);
        now(store.checkpoint()).unwrap();
        agrees(store, &ledger);
        assert_eq!(store.status().checkpoint, store.status().head);
        assert_eq!(store.status().dirty_members, 0);
        let programs = now(store.programs()).unwrap().iter().map(|entry| entry.seq).collect::<Vec<_>>();
        assert_eq!(programs.len(), 3);
        assert!(programs.is_sorted());
    });
}

#[test]
fn nothing_is_known_of_what_never_was() {
    each_store(|store| {
        let mut ledger = Ledger::new();
        some_history(store, &mut ledger, 0, 50);
        let wants = Wants {
            members: vec![key(1_000_000), MemberKey::NOBODY],
            identifiers: vec![card(9_999_999).hash],
            claims: vec![Claim::receipt(ProgramNo(2), &receipt(1))],
        };
        for key in &wants.members {
            assert_eq!(now(store.member(*key)).unwrap(), None);
        }
        let found = now(store.read(&wants)).unwrap();
        assert!(found.members.is_empty() && found.identifiers.is_empty() && found.claims.is_empty());
        assert_eq!(now(store.entry(Seq(0))).unwrap(), None);
        assert_eq!(now(store.entry(Seq(1_000_000))).unwrap(), None);
        assert_eq!(now(store.entry(Seq(7))).unwrap(), Some(Arc::clone(&ledger.entries[6])));
        assert_eq!(now(store.members(ProgramNo(2), None, 10)).unwrap(), vec![]);
    });
}

#[test]
fn a_commit_is_all_or_nothing() {
    each_store(|store| {
        let mut ledger = Ledger::new();
        some_history(store, &mut ledger, 0, 20);
        let conflicts: [fn(&mut Ledger); 5] = [
            |ledger| {
                // Another member's receipt.
                ledger.purchase(3, 77);
                ledger.purchase(4, 5);
            },
            |ledger| {
                // Two members, one receipt.
                ledger.purchase(3, 78);
                ledger.purchase(4, 78);
            },
            |ledger| {
                // Another member's card.
                ledger.purchase(3, 79);
                ledger.link(4, 5);
            },
            |ledger| {
                // A member who exists.
                ledger.purchase(3, 80);
                ledger.members.remove(&key(4));
                ledger.enroll(4);
            },
            |ledger| {
                // A hole in the feed.
                ledger.entries.push(Arc::clone(&ledger.entries[0]));
                ledger.purchase(3, 81);
            },
        ];
        for (number, make) in conflicts.into_iter().enumerate() {
            let before = ledger.clone();
            make(&mut ledger);
            let refused = now(store.commit(ledger.take())).unwrap_err();
            assert!(matches!(refused, CommitError::Conflict(_)), "{number}: {refused}");
            ledger = before;
            agrees(store, &ledger);
        }
    });
}

#[test]
fn a_group_that_contradicts_itself_is_refused() {
    each_store(|store| {
        let mut ledger = Ledger::new();
        some_history(store, &mut ledger, 0, 20);
        let good = {
            let mut ledger = ledger.clone();
            ledger.purchase(3, 500);
            ledger.purchase(3, 501);
            ledger.take()
        };
        let mut bad = vec![good.clone(), good.clone(), good.clone(), good.clone(), good.clone()];
        bad[0].entries.clear();
        bad[1].members.clear();
        bad[2].members[0].expected_version += 1;
        Arc::make_mut(&mut bad[3].members[0].after).version += 1;
        Arc::make_mut(&mut bad[4].entries[1]).previous = Seq(1);
        for group in bad {
            assert!(matches!(now(store.commit(group)), Err(CommitError::Conflict(_))));
        }
        let mut early = good.clone();
        early.recorded_at = Moment(1);
        assert!(matches!(now(store.commit(early)), Err(CommitError::Conflict(_))));
        agrees(store, &ledger);
        now(store.commit(good)).unwrap();
    });
}

#[test]
fn identifiers_change_hands_in_the_order_of_the_entries() {
    each_store(|store| {
        let mut ledger = Ledger::new();
        ledger.enroll(1);
        ledger.enroll(2);
        ledger.commit(store);
        ledger.unlink(1, 1);
        ledger.link(2, 1);
        ledger.commit(store);
        agrees(store, &ledger);
        now(store.checkpoint()).unwrap();
        ledger.unlink(2, 1);
        ledger.commit(store);
        agrees(store, &ledger);
        now(store.checkpoint()).unwrap();
        ledger.link(1, 1);
        ledger.commit(store);
        agrees(store, &ledger);
    });
}

#[test]
fn a_member_may_make_her_claim_again_and_the_first_entry_answers() {
    each_store(|store| {
        let mut ledger = Ledger::new();
        ledger.enroll(1);
        ledger.purchase(1, 1);
        ledger.purchase(1, 1);
        ledger.commit(store);
        agrees(store, &ledger);
        ledger.purchase(1, 1);
        ledger.commit(store);
        now(store.checkpoint()).unwrap();
        agrees(store, &ledger);
    });
}
