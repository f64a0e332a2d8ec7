//! Random orders about points against a naive reference: same verdicts, same balances, at every step.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rung::domain::event::Seq;
use rung::domain::member::Member;
use rung::domain::order::{Caller, Claim, Holding, MemberKey, MemberName, Order, Sending, Verb};
use rung::domain::units::{Moment, Points, Span, Text};
use rung::engine::{Applied, ApplyProgram, Denied, Engine};
use rung::store::Wants;

use super::home::{Home, Resident};
use super::points_happenings::{Happening, MEMBERS, happenings};
use super::points_orders::{adjustment, enrolment, giving_back, importing, key, purchase, shown};
use super::points_reference::{Back, Books, Bought, Brought, REWARDS, Reference, Shown, WALLETS};
use super::reference::YEAR_2025;
use super::{cases, name, told};

const PROGRAM: &str = "model-points";

/// Where the one lies that a number stands for: one of late more often than not, sometimes one that is not there.
fn place(count: usize, nth: u8) -> usize {
    let nth = usize::from(nth);
    match nth % 32 {
        0 => usize::MAX,
        1..10 => nth / 8 % count.max(1),
        _ => count.saturating_sub(1 + nth / 32 % 3),
    }
}

/// The one that a number stands for, of what is there.
fn pick<T: Clone>(from: &[T], nth: impl Into<usize>) -> Option<T> {
    from.get(nth.into() % from.len().max(1)).cloned()
}

/// An order, in the numbers of the reference.
#[derive(Clone, Debug)]
enum Meant {
    Enroll(u8),
    Suspend(u8),
    Reinstate(u8),
    Close(u8),
    Buy(u8, Bought),
    GiveBack(Back),
    Import(u8, Brought),
    Confirm(u16),
    Hold { who: u8, wallet: usize, points: i64, seconds: i64 },
    Capture { hold: usize, points: Option<i64> },
    Release(usize),
    Redeem { who: u8, reward: usize, times: u32 },
    Cancel(usize),
    Use(usize),
    Adjust { who: u8, wallet: usize, points: i64 },
    Send { who: u8, to: u8, wallet: usize, points: i64 },
}

/// The engine under test, with the reference beside it.
struct Pair {
    home: Home,
    resident: Option<Resident>,
    reference: Reference,
    now: i64,
    requests: u32,
    holds: Vec<Seq>,
    /// With the voucher, where one was issued.
    redemptions: Vec<(Seq, Option<Claim>)>,
    bought: Vec<Bought>,
    returned: Vec<Back>,
    receipts: u16,
    applied: Vec<Order>,
}

impl Pair {
    async fn at(home: Home) -> Self {
        let resident = home.open(YEAR_2025).await;
        let apply = ApplyProgram {
            source: include_str!("../../programs/model-points.toml").into(),
            effective_at: None,
            expected_version: 0,
            request_id: Text::default(),
            dry_run: false,
        };
        resident.engine.apply_program(apply).await.unwrap();
        Self {
            home,
            resident: Some(resident),
            reference: Reference::default(),
            now: YEAR_2025,
            requests: 0,
            holds: Vec::new(),
            redemptions: Vec::new(),
            bought: Vec::new(),
            returned: Vec::new(),
            receipts: 0,
            applied: Vec::new(),
        }
    }

    fn engine(&self) -> &Engine {
        &self.resident.as_ref().expect("somebody at home").engine
    }

    /// Memory has nothing to open again.
    async fn reopen(&mut self, is_orderly: bool) {
        if matches!(self.home, Home::Memory(_)) {
            return;
        }
        self.resident.take().expect("somebody at home").leave(is_orderly).await;
        self.resident = Some(self.home.open(self.now).await);
    }

    /// Compares the books, takes the engine down and looks at what it leaves behind.
    async fn end(mut self) {
        self.reopen(false).await;
        self.compare().await;
        while self.engine().settle_due(100).await.unwrap() > 0 {}
        self.compare().await;
        self.compare_books().await;
        self.resident.take().expect("somebody at home").leave(true).await;
        self.compare_folds().await;
        self.home.verify();
    }

    /// Makes one thing happen on both sides and compares the verdicts.
    async fn make(&mut self, happening: &Happening) {
        match happening {
            Happening::Wait(span) => {
                self.now += span;
                self.engine().advance_clock(Moment(self.now)).unwrap();
            }
            Happening::Reopen(is_orderly) => self.reopen(*is_orderly).await,
            Happening::Sweep => drop(self.engine().settle_due(100).await.unwrap()),
            Happening::Again(nth) => self.again(*nth).await,
            Happening::Reuse(nth) => self.reuse(*nth).await,
            other => self.carry_out(other).await,
        }
    }

    /// Whether an order is about something that nobody has made yet; few of these are enough.
    fn is_idle(&self, happening: &Happening) -> bool {
        let (nth, count) = match happening {
            Happening::GiveBack { nth, .. } | Happening::Confirm(nth) => (nth, self.bought.len()),
            Happening::Capture { hold: nth, .. } | Happening::Release(nth) => (nth, self.holds.len()),
            Happening::Cancel(nth) | Happening::Use(nth) => (nth, self.redemptions.len()),
            _ => return false,
        };
        count == 0 && nth % 16 > 0
    }

    async fn carry_out(&mut self, happening: &Happening) {
        if self.is_idle(happening) {
            return;
        }
        let happening = self.meant(happening);
        let (member, verb) = self.order(&happening);
        let expected = self.expected(&happening);
        self.requests += 1;
        let request_id = format!("r-{}", self.requests).into();
        let order = Order { program: PROGRAM.into(), member, request_id, caller: Caller::default(), verb };
        let verdict = self.same(&order, expected).await;
        if expected == "applied" {
            self.remember(&happening, &verdict.unwrap());
            self.applied.push(order);
        }
    }

    /// What is meant by numbers and luck: which purchase, which return, which hold, which redemption.
    fn meant(&mut self, happening: &Happening) -> Meant {
        self.receipts += 1;
        match happening.clone() {
            Happening::Enroll(who) => Meant::Enroll(who),
            Happening::Suspend(who) => Meant::Suspend(who),
            Happening::Reinstate(who) => Meant::Reinstate(who),
            Happening::Close(who) => Meant::Close(who),
            Happening::Buy { who, lines, age, luck } => {
                let fresh = Bought { receipt: self.receipts, at: self.now - age, lines };
                Meant::Buy(
                    who,
                    match (pick(&self.bought, luck / 32), luck % 32) {
                        (Some(earlier), 0) => earlier,
                        (Some(earlier), 1) => Bought { receipt: earlier.receipt, ..fresh },
                        _ => fresh,
                    },
                )
            }
            Happening::GiveBack { lines, nth, luck, instead } => {
                let own = match luck % 16 {
                    // The receipt of a purchase: that is another's key, but for an exchange.
                    3 => pick(&self.bought, luck / 16).map_or(self.receipts, |bought| bought.receipt),
                    _ => self.receipts,
                };
                let (receipt, now) = (self.receipt(nth), self.now);
                let instead = instead.map(|(lines, age)| Bought { receipt: own, at: now - age, lines });
                let fresh = Back { receipt, own, lines, instead };
                Meant::GiveBack(match (pick(&self.returned, luck / 16), luck % 16) {
                    (Some(earlier), 0) => earlier,
                    (Some(earlier), 1) => Back { lines: fresh.lines, ..earlier },
                    (Some(earlier), 2) => fresh.under(earlier.own),
                    (Some(earlier), 4) => Back { instead: None, ..earlier },
                    _ => fresh,
                })
            }
            Happening::Import(who, brought) => Meant::Import(who, brought),
            Happening::Confirm(nth) => Meant::Confirm(self.receipt(nth)),
            Happening::Hold { who, wallet, points, seconds } => {
                Meant::Hold { who, wallet, points: self.amount(who, wallet, points), seconds }
            }
            Happening::Capture { hold, points } => Meant::Capture { hold: place(self.holds.len(), hold), points },
            Happening::Release(nth) => Meant::Release(place(self.holds.len(), nth)),
            Happening::Redeem { who, reward, times } => Meant::Redeem { who, reward, times },
            Happening::Cancel(nth) => Meant::Cancel(place(self.redemptions.len(), nth)),
            Happening::Use(nth) => Meant::Use(place(self.redemptions.len(), nth)),
            Happening::Adjust { who, wallet, points } => Meant::Adjust { who, wallet, points },
            Happening::Send { who, to, wallet, points } => {
                Meant::Send { who, to, wallet, points: self.amount(who, wallet, points) }
            }
            Happening::Again(_)
            | Happening::Reuse(_)
            | Happening::Wait(_)
            | Happening::Sweep
            | Happening::Reopen(_) => {
                unreachable!("no order of its own")
            }
        }
    }

    /// No points stand for all there are.
    fn amount(&mut self, who: u8, wallet: usize, points: i64) -> i64 {
        if points == 0 { self.reference.available(who, wallet, self.now).max(1) } else { points }
    }

    /// The receipt that a number stands for, of those recorded.
    fn receipt(&self, nth: u8) -> u16 {
        self.bought.get(place(self.bought.len(), nth)).map_or(60_000, |bought| bought.receipt)
    }

    async fn same(&self, order: &Order, expected: &str) -> Result<Applied, Denied> {
        let rehearsed = told(&self.engine().rehearse(order.clone()).await);
        let verdict = self.engine().submit(order.clone()).await;
        assert_eq!(told(&verdict), expected);
        assert_eq!(rehearsed, expected, "a dry run says what the order will say");
        verdict
    }

    async fn again(&self, nth: u8) {
        let Some(order) = pick(&self.applied, nth) else { return };
        drop(self.same(&order, "replayed").await);
    }

    async fn reuse(&self, nth: u8) {
        let Some(order) = pick(&self.applied, nth) else { return };
        // These have keys of their own.
        if let Verb::Enroll(_)
        | Verb::Import(_)
        | Verb::RecordPurchase(_)
        | Verb::ReturnPurchase(_)
        | Verb::Capture { .. } = order.verb
        {
            return;
        }
        let verb = adjustment(0, 777, "nothing else is corrected by so much");
        drop(self.same(&Order { verb, ..order }, "KEY_REUSED").await);
    }

    /// What the reference says of it.
    fn expected(&mut self, happening: &Meant) -> &'static str {
        let (now, reference) = (self.now, &mut self.reference);
        match happening {
            Meant::Enroll(who) => reference.enroll(*who, now),
            Meant::Suspend(who) => reference.suspend(*who, now),
            Meant::Reinstate(who) => reference.reinstate(*who),
            Meant::Close(who) => reference.close(*who, now),
            Meant::Buy(who, bought) => reference.buy(*who, bought, now),
            Meant::GiveBack(back) => reference.bring_back(back, now),
            Meant::Import(who, brought) => reference.import(*who, brought, now),
            Meant::Confirm(receipt) => reference.confirm(*receipt, now),
            Meant::Hold { who, wallet, points, seconds } => reference.hold(*who, *wallet, *points, *seconds, now),
            Meant::Capture { hold, points } => reference.capture(*hold, *points, now),
            Meant::Release(hold) => reference.release(*hold, now),
            Meant::Redeem { who, reward, times } => reference.redeem(*who, *reward, (*times).into(), now),
            Meant::Cancel(nth) => reference.cancel(*nth, now),
            Meant::Use(nth) => reference.use_up(*nth, now),
            Meant::Adjust { who, wallet, points } => reference.adjust(*who, *wallet, *points, now),
            Meant::Send { who, to, wallet, points } => reference.send(*who, *to, *wallet, *points, now),
        }
    }

    /// The order of it.
    fn order(&self, happening: &Meant) -> (MemberName, Verb) {
        let of = |who: &u8| MemberName::Id(name(*who));
        match happening {
            Meant::Enroll(who) => (of(who), Verb::Enroll(enrolment(*who))),
            Meant::Suspend(who) => (of(who), Verb::Suspend("asked".into())),
            Meant::Reinstate(who) => (of(who), Verb::Reinstate("asked".into())),
            Meant::Close(who) => (of(who), Verb::Close("asked".into())),
            Meant::Buy(who, bought) => (of(who), Verb::RecordPurchase(Arc::new(purchase(bought)))),
            Meant::GiveBack(back) => {
                (MemberName::Receipt(key(back.receipt)), Verb::ReturnPurchase(Arc::new(giving_back(back))))
            }
            Meant::Import(who, brought) => (of(who), Verb::Import(Box::new(importing(*who, brought, self.now)))),
            Meant::Confirm(receipt) => (MemberName::Receipt(key(*receipt)), Verb::ConfirmPurchase(key(*receipt))),
            Meant::Hold { who, wallet, points, seconds } => {
                let (wallet, points) = (WALLETS[*wallet].into(), Points(*points));
                let holding = Holding { wallet, points, ttl: Span::seconds(*seconds), note: "asked".into() };
                (of(who), Verb::Hold(holding))
            }
            Meant::Capture { hold, points } => {
                let hold = self.hold(*hold);
                (MemberName::Entry(hold), Verb::Capture { hold, points: points.map(Points) })
            }
            Meant::Release(hold) => (MemberName::Entry(self.hold(*hold)), Verb::Release(self.hold(*hold))),
            Meant::Redeem { who, reward, times } => {
                (of(who), Verb::Redeem { reward: REWARDS[*reward].into(), times: *times })
            }
            Meant::Cancel(nth) => {
                let (redemption, _) = self.redemption(*nth);
                (MemberName::Entry(redemption), Verb::CancelRedemption { redemption, reason: "asked".into() })
            }
            Meant::Use(nth) => {
                let voucher = self.redemption(*nth).1.unwrap_or_default();
                (MemberName::Voucher(voucher), Verb::UseVoucher { voucher, note: "asked".into() })
            }
            Meant::Adjust { who, wallet, points } => (of(who), adjustment(*wallet, *points, "asked")),
            Meant::Send { who, to, wallet, points } => {
                let (to, wallet) = (of(to), WALLETS[*wallet].into());
                (of(who), Verb::Transfer(Sending { to, wallet, points: Points(*points), note: "asked".into() }))
            }
        }
    }

    /// A hold by its number; the first redemption, or nothing, where there is none.
    fn hold(&self, nth: usize) -> Seq {
        let redemption = self.redemptions.first().map(|(seq, _)| *seq);
        self.holds.get(nth).copied().or(redemption).unwrap_or(Seq(1_000_000))
    }

    fn redemption(&self, nth: usize) -> (Seq, Option<Claim>) {
        let hold = self.holds.first().copied().unwrap_or(Seq(1_000_000));
        self.redemptions.get(nth).copied().unwrap_or((hold, None))
    }

    fn remember(&mut self, happening: &Meant, applied: &Applied) {
        let seq = applied.entries[0].seq;
        match happening {
            Meant::Buy(_, bought) => self.bought.push(bought.clone()),
            Meant::GiveBack(back) => {
                self.returned.push(back.clone());
                self.bought.extend(back.instead.clone());
            }
            Meant::Hold { .. } => self.holds.push(seq),
            Meant::Redeem { .. } => {
                let vouchers = &applied.view.member.desk().vouchers;
                let issued = vouchers.iter().find(|voucher| voucher.entry == seq);
                self.redemptions.push((seq, issued.map(|voucher| voucher.claim)));
            }
            _ => {}
        }
    }

    /// Compares every member and everything scarce on both sides.
    async fn compare(&mut self) {
        for who in 0..MEMBERS {
            let view = self.engine().member(PROGRAM, &MemberName::Id(name(who))).await.ok();
            assert_eq!(view.as_ref().map(shown), self.reference.shown(who, self.now), "member {who}");
        }
        let (stock, budget) = self.reference.pots();
        assert_eq!(self.engine().pot(PROGRAM, "stock:mug").await.unwrap(), Points(stock));
        assert_eq!(self.engine().pot(PROGRAM, "budget:boost").await.unwrap(), Points(budget));
    }

    /// Compares the books; what was issued and is not gone is what members have, less what they owe.
    async fn compare_books(&mut self) {
        let liability = self.engine().liability(PROGRAM).await.unwrap();
        let program = liability.timeline.newest();
        let mut books = Books::default();
        let mut outstanding = [0; 4];
        for row in &liability.rows {
            let wallet = program.wallets.iter().position(|wallet| wallet.id == row.wallet).unwrap();
            let row = &row.row;
            let columns = [row.issued, row.adjusted, row.redeemed, row.expired, row.returned];
            books[wallet].iter_mut().zip(columns).for_each(|(sum, points)| *sum += points.0);
            outstanding[wallet] += row.outstanding().0;
        }
        assert_eq!(books, self.reference.books(self.now));
        let shown: Vec<Shown> = (0..MEMBERS).filter_map(|who| self.reference.shown(who, self.now)).collect();
        let left = |wallet: usize| -> i64 {
            let wallets = shown.iter().map(|shown| &shown.wallets[wallet]);
            wallets.map(|has| has.available + has.pending + has.held - has.debt).sum()
        };
        assert_eq!(outstanding, std::array::from_fn(left));
    }

    /// Every member is the fold of her entries; nobody may be at home.
    async fn compare_folds(&self) {
        let store = self.home.store();
        let mut folded: BTreeMap<MemberKey, Member> = BTreeMap::new();
        for entry in store.feed(Seq::NONE, 100_000).await.unwrap() {
            if entry.member != MemberKey::NOBODY {
                folded.entry(entry.member).or_default().apply_entry(&entry).unwrap();
            }
        }
        let wants = Wants { members: folded.keys().copied().collect(), ..Wants::default() };
        let kept = store.read(&wants).await.unwrap().members;
        for (key, member) in folded {
            assert_eq!(*kept[&key], member);
        }
    }
}

/// Lets random histories happen, each in a home of its own.
fn histories(usual_cases: u32, home: fn() -> Home) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: cases(usual_cases), failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(happenings in happenings(110))| {
        runtime.block_on(async {
            let mut pair = Pair::at(home()).await;
            for happening in &happenings {
                pair.make(happening).await;
                pair.compare().await;
                // The engine joins lots that are alike where there are many; which of them a return takes from is then its own.
                if pair.reference.is_crowded() {
                    break;
                }
            }
            pair.end().await;
        });
    });
}

#[test]
fn points_are_what_the_reference_says() {
    histories(150, Home::memory);
}

#[test]
fn points_are_what_the_reference_says_on_a_folder_that_is_opened_again_and_again() {
    histories(20, Home::folder);
}
