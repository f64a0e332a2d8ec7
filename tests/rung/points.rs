//! Random histories of points: two worlds that differ only in when they settle come to the same, the books agree with
//! the balances, and what is bought and comes back leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rung::domain::event::Seq;
use rung::domain::lot::Lot;
use rung::domain::member::{Member, MeterCount};
use rung::domain::order::{
    Adjustment, Caller, Claim, Enrolment, Holding, Import, ImportedLot, Line, MemberName, Order, Purchase, ReceiptKey,
    Return, ReturnLine, Sending, Tender, Verb,
};
use rung::domain::program::Debt;
use rung::domain::units::{CurrencyCode, Moment, Points, Quantity, Span, Text};
use rung::engine::{Applied, ApplyProgram, Denied, Engine};
use rung::store::Store;

use crate::model::cases;
use crate::model::home::{Home, Resident};

const DAY: i64 = 86_400_000_000;
/// 2026-04-20T12:00:00Z: the campaigns of May lie ahead.
const START: i64 = 1_776_686_400_000_000;
const PROGRAM: &str = include_str!("../programs/points.toml");
/// Programs that purchases are brought back in.
const PROGRAMS: [&str; 5] = [
    PROGRAM,
    PROGRAM,
    include_str!("../programs/model.toml"),
    include_str!("../programs/starbucks-2026.toml"),
    include_str!("../programs/punchcard-nine-then-free.toml"),
];
const CATEGORIES: [&str; 6] = ["food", "coffee", "book", "arcade", "flight", "gift-card"];
const WALLETS: [&str; 5] = ["points", "credit", "coins", "miles", "clubcard"];

/// One thing that happens; members, receipts and earlier orders go by small numbers.
#[derive(Clone, Debug)]
enum Step {
    Buy { who: u8, receipt: u8, lines: Vec<(u8, i64, i64)>, store: u8, paid_with: Option<u8>, days_ago: i64 },
    GiveBack { receipt: u8, lines: Vec<(u8, i64, i64)>, own: u8 },
    Confirm { receipt: u8 },
    Hold { who: u8, wallet: u8, points: i64, seconds: i64 },
    Capture { hold: u8, points: Option<i64> },
    Release { hold: u8 },
    Redeem { who: u8, reward: u8 },
    Cancel { redemption: u8 },
    Use { redemption: u8 },
    Adjust { who: u8, wallet: u8, points: i64 },
    Send { who: u8, to: u8, points: i64 },
    Wait { micros: i64 },
    Suspend { who: u8 },
    Reinstate { who: u8 },
}

fn line() -> impl Strategy<Value = (u8, i64, i64)> {
    (0_u8..6, 1_i64..5, prop_oneof![8 => 0_i64..40_000, 1 => -3_000_i64..0])
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0_u8..3;
    let nth = || 0_u8..12;
    let buy =
        (who(), 0_u8..40, prop::collection::vec(line(), 1..4), 0_u8..3, prop::option::weighted(0.2, nth()), 0_i64..20);
    let back = (0_u8..40, prop::collection::vec((0_u8..4, 0_i64..4, 0_i64..3_000), 0..3), any::<u8>());
    prop_oneof![
        12 => buy.prop_map(|(who, receipt, lines, store, paid_with, days_ago)| Step::Buy { who, receipt, lines, store, paid_with, days_ago }),
        6 => back.prop_map(|(receipt, lines, own)| Step::GiveBack { receipt, lines, own }),
        2 => (0_u8..40).prop_map(|receipt| Step::Confirm { receipt }),
        5 => (who(), 0_u8..5, 1_i64..300, 1_i64..400_000)
            .prop_map(|(who, wallet, points, seconds)| Step::Hold { who, wallet, points, seconds }),
        3 => (nth(), prop::option::of(1_i64..300)).prop_map(|(hold, points)| Step::Capture { hold, points }),
        2 => nth().prop_map(|hold| Step::Release { hold }),
        3 => (who(), 0_u8..3).prop_map(|(who, reward)| Step::Redeem { who, reward }),
        1 => nth().prop_map(|redemption| Step::Cancel { redemption }),
        1 => nth().prop_map(|redemption| Step::Use { redemption }),
        3 => (who(), 0_u8..5, -100_i64..400).prop_map(|(who, wallet, points)| Step::Adjust { who, wallet, points }),
        2 => (who(), who(), 1_i64..200).prop_map(|(who, to, points)| Step::Send { who, to, points }),
        6 => prop_oneof![1_i64..DAY, DAY..60 * DAY, 60 * DAY..400 * DAY].prop_map(|micros| Step::Wait { micros }),
        1 => who().prop_map(|who| Step::Suspend { who }),
        1 => who().prop_map(|who| Step::Reinstate { who }),
    ]
}

/// An engine with what its orders made, by number.
struct World {
    resident: Resident,
    store: Arc<dyn Store>,
    now: i64,
    requests: u32,
    holds: Vec<Seq>,
    redemptions: Vec<(Seq, Text)>,
}

impl World {
    /// Members, the first of whom may owe points from before.
    async fn new(program: &str, members: u8, owes: Option<i64>) -> Self {
        let home = Home::memory();
        let store = home.store();
        let resident = home.open(START).await;
        let apply = ApplyProgram {
            source: program.into(),
            effective_at: None,
            expected_version: 0,
            request_id: Text::default(),
            dry_run: false,
        };
        resident.engine.apply_program(apply).await.unwrap();
        let mut world = Self { resident, store, now: START, requests: 0, holds: Vec::new(), redemptions: Vec::new() };
        if let Some(owes) = owes {
            world.import_debtor(0, owes).await;
        }
        for who in u8::from(owes.is_some())..members {
            let member_id = name(who);
            let enrolment = Enrolment { member_id, id_given: true, identifiers: Vec::new(), attributes: Vec::new() };
            world.ask(MemberName::Id(name(who)), Verb::Enroll(enrolment)).await.unwrap();
        }
        world
    }

    fn engine(&self) -> &Engine {
        &self.resident.engine
    }

    /// A member who owes points from before, in the first wallets of the program.
    async fn import_debtor(&mut self, who: u8, owes: i64) {
        let member_id = name(who);
        let enrolment = Enrolment { member_id, id_given: true, identifiers: Vec::new(), attributes: Vec::new() };
        let program = self.engine().programs().all()[0].newest().clone();
        let lot = |wallet: &rung::domain::program::Wallet| ImportedLot {
            wallet: program.text(wallet.id.0).into(),
            points: Points(-owes),
            earned_at: Moment(START),
            expires_at: None,
        };
        let lots = program.wallets.iter().take(2).map(lot).collect();
        let (meters, clubs) = (Vec::new(), Vec::new());
        let import = Import { enrolment, enrolled_at: None, lots, meters, tier: None, clubs };
        self.ask(MemberName::Id(name(who)), Verb::Import(Box::new(import))).await.unwrap();
    }

    fn program(&self) -> Text {
        (*self.engine().programs().all()[0].newest().id).into()
    }

    async fn ask(&mut self, member: MemberName, verb: Verb) -> Result<Applied, Denied> {
        self.requests += 1;
        let request_id = format!("r-{}", self.requests).into();
        self.engine()
            .submit(Order { program: self.program(), member, request_id, caller: Caller::default(), verb })
            .await
    }

    /// Makes one thing happen; says what came of it, in a word.
    async fn make(&mut self, step: &Step) -> String {
        let (member, verb) = match step {
            Step::Wait { micros } => {
                self.now += micros;
                self.engine().advance_clock(Moment(self.now)).unwrap();
                return "waited".into();
            }
            Step::Buy { who, receipt, lines, store, paid_with, days_ago } => {
                let mut purchase = purchase(*receipt, Moment(self.now - days_ago * DAY), lines);
                purchase.store = ["", "new", "tesco"][usize::from(*store)].into();
                if let Some(redemption) = paid_with.and_then(|nth| self.holds.get(usize::from(nth))) {
                    let minor_units = purchase.total().unwrap() / 2;
                    purchase.tenders.push(Tender { kind: "points".into(), minor_units, redemption: *redemption });
                }
                (MemberName::Id(name(*who)), Verb::RecordPurchase(Arc::new(purchase)))
            }
            Step::GiveBack { receipt, lines, own } => {
                let receipt = key(*receipt);
                let mut asked: BTreeMap<u8, ReturnLine> = BTreeMap::new();
                for (line, units, money) in lines {
                    let (quantity, minor_units) = if *units > 0 { (*units * 1_000, 0) } else { (0, *money) };
                    let line_id = line.to_string().into();
                    asked.insert(*line, ReturnLine { line_id, quantity: Quantity(quantity), minor_units });
                }
                let lines = asked.into_values().collect();
                let return_receipt = ReceiptKey { source: "back".into(), id: own.to_string().into() };
                let asked =
                    Return { receipt: receipt.clone(), return_receipt, occurred_at: None, lines, exchange: None };
                (MemberName::Receipt(receipt), Verb::ReturnPurchase(Arc::new(asked)))
            }
            Step::Confirm { receipt } => (MemberName::Receipt(key(*receipt)), Verb::ConfirmPurchase(key(*receipt))),
            Step::Hold { who, wallet, points, seconds } => {
                let (wallet, points) = (wallet_name(*wallet), Points(*points));
                let holding = Holding { wallet, points, ttl: Span::seconds(*seconds), note: Text::default() };
                (MemberName::Id(name(*who)), Verb::Hold(holding))
            }
            Step::Capture { hold, points } => {
                let hold = self.hold(*hold);
                (MemberName::Entry(hold), Verb::Capture { hold, points: points.map(Points) })
            }
            Step::Release { hold } => (MemberName::Entry(self.hold(*hold)), Verb::Release(self.hold(*hold))),
            Step::Redeem { who, reward } => {
                let reward = ["mug", "lounge", "last-year"][usize::from(*reward)].into();
                (MemberName::Id(name(*who)), Verb::Redeem { reward, times: 1 })
            }
            Step::Cancel { redemption } => {
                let (redemption, _) = self.redemption(*redemption);
                (MemberName::Entry(redemption), Verb::CancelRedemption { redemption, reason: "asked".into() })
            }
            Step::Use { redemption } => {
                let number = self.engine().programs().all()[0].number;
                let voucher = Claim::voucher(number, &self.redemption(*redemption).1);
                (MemberName::Voucher(voucher), Verb::UseVoucher { voucher, note: Text::default() })
            }
            Step::Adjust { who, wallet, points } => {
                let (reason, actor) = ("asked".into(), "desk".into());
                let adjustment = Adjustment { wallet: wallet_name(*wallet), points: Points(*points), reason, actor };
                (MemberName::Id(name(*who)), Verb::Adjust(adjustment))
            }
            Step::Send { who, to, points } => {
                let (to, wallet) = (MemberName::Id(name(*to)), "points".into());
                let sending = Sending { to, wallet, points: Points(*points), note: Text::default() };
                (MemberName::Id(name(*who)), Verb::Transfer(sending))
            }
            Step::Suspend { who } => (MemberName::Id(name(*who)), Verb::Suspend(Text::default())),
            Step::Reinstate { who } => (MemberName::Id(name(*who)), Verb::Reinstate(Text::default())),
        };
        let verdict = self.ask(member, verb).await;
        self.remember(step, &verdict);
        match verdict {
            Ok(applied) => format!("{:?}", applied.outcome),
            Err(Denied::Refused(refusal)) => refusal.reason().into(),
            Err(Denied::Failed(failure)) => panic!("{failure}"),
        }
    }

    fn remember(&mut self, step: &Step, verdict: &Result<Applied, Denied>) {
        let Ok(applied) = verdict else { return };
        let entry = &applied.entries[0];
        match step {
            Step::Hold { .. } => self.holds.push(entry.seq),
            // A captured hold is a redemption a purchase may be paid with.
            Step::Capture { hold, .. } => {
                let at = usize::from(*hold) % self.holds.len();
                self.holds[at] = entry.seq;
            }
            Step::Redeem { .. } => {
                let code = entry.facts.iter().find_map(|fact| match fact {
                    rung::domain::event::Fact::RewardRedeemed(redeemed) => {
                        let nonce = &redeemed.voucher.as_ref()?.nonce;
                        Some(self.engine().voucher_code(entry.member, nonce))
                    }
                    _ => None,
                });
                self.redemptions.push((entry.seq, code.unwrap_or_default()));
            }
            _ => {}
        }
    }

    fn hold(&self, nth: u8) -> Seq {
        let count = self.holds.len();
        if count == 0 { Seq(1_000_000) } else { self.holds[usize::from(nth) % count] }
    }

    fn redemption(&self, nth: u8) -> (Seq, Text) {
        let count = self.redemptions.len();
        if count == 0 { (Seq(1_000_000), Text::default()) } else { self.redemptions[usize::from(nth) % count].clone() }
    }

    async fn member(&self, who: u8) -> Arc<Member> {
        let view = self.engine().member(&self.program(), &MemberName::Id(name(who))).await.unwrap();
        view.member.check().unwrap();
        view.member
    }

    /// Where a balance goes below zero, nobody has points beside what she owes.
    async fn owes_only_what_is_not_there(&self, who: u8) {
        let (member, timeline) = (self.member(who).await, self.engine().programs().all()[0].clone());
        for wallet in timeline.newest().wallets.iter().filter(|wallet| wallet.debt == Debt::Negative) {
            let (available, owed) = (member.available(wallet.id), member.debt(wallet.id));
            assert!(available == Points::ZERO || owed == Points::ZERO, "{available:?} beside a debt of {owed:?}");
        }
    }

    async fn sweep(&self) {
        while self.engine().settle_due(100).await.unwrap() > 0 {}
    }

    /// What is issued and not gone is what members hold, less what they owe.
    async fn books_agree(&self, members: u8) {
        self.sweep().await;
        let books = self.engine().liability(&self.program()).await.unwrap();
        let mut outstanding: BTreeMap<_, i64> = BTreeMap::new();
        for row in &books.rows {
            *outstanding.entry(row.wallet).or_default() += row.row.outstanding().0;
        }
        let mut balances: BTreeMap<_, i64> = BTreeMap::new();
        for who in 0..members {
            let member = self.member(who).await;
            for wallet in &books.timeline.newest().wallets {
                let has = member.available(wallet.id).0 + member.pending(wallet.id).0 + member.held(wallet.id).0;
                *balances.entry(wallet.id).or_default() += has - member.debt(wallet.id).0;
            }
        }
        outstanding.retain(|_, points| *points != 0);
        balances.retain(|_, points| *points != 0);
        assert_eq!(outstanding, balances, "issued - redeemed - expired - returned = what members hold - what they owe");
    }

    /// Every member is the fold of her entries.
    async fn folds_agree(&self) {
        let mut folded: BTreeMap<_, Member> = BTreeMap::new();
        for entry in self.store.feed(Seq::NONE, 100_000).await.unwrap() {
            if entry.member != rung::domain::order::MemberKey::NOBODY {
                folded.entry(entry.member).or_default().apply_entry(&entry).unwrap();
            }
        }
        let wants = rung::store::Wants { members: folded.keys().copied().collect(), ..Default::default() };
        let kept = self.store.read(&wants).await.unwrap().members;
        for (key, member) in folded {
            assert_eq!(*kept[&key], member);
        }
    }
}

fn name(who: u8) -> Text {
    format!("member-{who}").into()
}

fn wallet_name(wallet: u8) -> Text {
    WALLETS[usize::from(wallet)].into()
}

fn key(receipt: u8) -> ReceiptKey {
    ReceiptKey { source: "till".into(), id: receipt.to_string().into() }
}

fn purchase(receipt: u8, occurred_at: Moment, lines: &[(u8, i64, i64)]) -> Purchase {
    let line = |(position, (category, units, minor_units)): (usize, &(u8, i64, i64))| Line {
        line_id: position.to_string().into(),
        sku: Text::default(),
        category: CATEGORIES[usize::from(*category)].into(),
        quantity: Quantity(units * 1_000),
        minor_units: *minor_units,
        attributes: Vec::new(),
    };
    let mut lines: Vec<Line> = lines.iter().enumerate().map(line).collect();
    let total: i64 = lines.iter().map(|line| line.minor_units).sum();
    lines[0].minor_units -= total.min(0);
    Purchase {
        receipt: key(receipt),
        kind: "sale".into(),
        occurred_at,
        zone: None,
        currency: CurrencyCode::parse("USD").unwrap(),
        lines,
        tenders: Vec::new(),
        channel: Text::default(),
        store: Text::default(),
        partner: Text::default(),
        attributes: Vec::new(),
    }
}

/// Lots by their ends and months of issue, without the entries that made them: a world that settles more often numbers
/// them otherwise, and lots of a month that share their fate may be joined.
type Lots = BTreeMap<(Moment, i32, Moment), i64>;

/// What a member has, as far as two worlds can agree on it.
#[derive(Debug, PartialEq)]
struct Has {
    state: String,
    tier: Option<String>,
    purses: Vec<(u16, Lots, i64)>,
    holds: Vec<(u16, Moment, Lots)>,
    vouchers: usize,
    meters: Vec<MeterCount>,
}

fn lots<'a>(lots: impl IntoIterator<Item = &'a Lot>) -> Lots {
    let mut by_dates = Lots::new();
    for lot in lots {
        let key = (lot.terms.expires_at, lot.terms.issued.month_start().0, lot.terms.available_at);
        *by_dates.entry(key).or_default() += lot.points.0;
    }
    by_dates
}

fn has(member: &Member) -> Has {
    let purses = member.purses.iter().filter(|purse| !purse.lots.is_empty() || purse.debt != Points::ZERO);
    Has {
        state: format!("{:?}", member.state),
        tier: member.standing.tier().map(|tier| format!("{tier:?}")),
        purses: purses.map(|purse| (purse.wallet.0.0, lots(&purse.lots), purse.debt.0)).collect(),
        holds: member.desk().holds.iter().map(|hold| (hold.wallet.0.0, hold.until, lots(&hold.lots))).collect(),
        vouchers: member.desk().vouchers.len(),
        meters: member.meters.counts().to_vec(),
    }
}

/// What is had and not owed, by wallet: what flows back from a hold comes in an order of its own.
fn worth(has: &Has) -> Vec<(u16, i64)> {
    let worth = has.purses.iter().map(|(wallet, lots, debt)| (*wallet, lots.values().sum::<i64>() - debt));
    worth.filter(|(_, points)| *points != 0).collect()
}

/// Waits in pieces, settling in between.
async fn wait_in_steps(world: &mut World, micros: i64) {
    for piece in 0..7 {
        let part = if piece == 6 { micros - micros / 7 * 6 } else { micros / 7 };
        world.make(&Step::Wait { micros: part }).await;
        world.sweep().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(60), ..ProptestConfig::default() })]

    /// Settling late, early, in steps or at once gives the same member; the books and the folds agree with her.
    #[test]
    fn settling_is_the_same_whenever_it_happens(steps in prop::collection::vec(step(), 1..60)) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (mut late, mut early) = (World::new(PROGRAM, 3, None).await, World::new(PROGRAM, 3, None).await);
            for step in &steps {
                match step {
                    Step::Wait { micros } => {
                        late.make(step).await;
                        wait_in_steps(&mut early, *micros).await;
                    }
                    _ => assert_eq!(late.make(step).await, early.make(step).await, "{step:?}"),
                }
                for who in 0..3 {
                    late.owes_only_what_is_not_there(who).await;
                    assert_eq!(has(&*late.member(who).await), has(&*early.member(who).await), "member {who} after {step:?}");
                }
            }
            late.books_agree(3).await;
            early.books_agree(3).await;
            late.folds_agree().await;
        });
    }

    /// What is bought and comes back, in any pieces with nothing in between, leaves nothing behind.
    #[test]
    fn bought_and_brought_back_leaves_nothing(
        program in 0..PROGRAMS.len(),
        owes in prop::option::of(1_i64..1_000),
        before in prop::collection::vec(step(), 0..25),
        bought in prop::collection::vec(line(), 1..5),
        store in 0_u8..3,
        pieces in prop::collection::vec((0_u8..5, 0_i64..4, 0_i64..9_000), 0..8),
        held in prop::option::of((0_u8..5, 1_i64..400)),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut world = World::new(PROGRAMS[program], 3, owes).await;
            for step in &before {
                world.make(step).await;
            }
            world.sweep().await;
            let (had, pots) = (has(&*world.member(0).await), pots(&world).await);
            let buy = Step::Buy { who: 0, receipt: 200, lines: bought, store, paid_with: None, days_ago: 0 };
            if world.make(&buy).await != "Applied" {
                return;
            }
            // What is on hold when the goods come back is not there to be taken, and flows back afterwards.
            let mut on_hold = None;
            if let Some((wallet, points)) = held {
                let hold = Step::Hold { who: 0, wallet, points, seconds: 900 };
                on_hold = (world.make(&hold).await == "Applied").then(|| *world.holds.last().unwrap());
            }
            for (own, piece) in (100_u8..).zip(pieces) {
                world.make(&Step::GiveBack { receipt: 200, lines: vec![piece], own }).await;
            }
            let rest = world.make(&Step::GiveBack { receipt: 200, lines: Vec::new(), own: 99 }).await;
            assert!(rest == "Applied" || rest == "NOTHING_TO_RETURN", "{rest}");
            if let Some(hold) = on_hold {
                world.ask(MemberName::Entry(hold), Verb::Release(hold)).await.unwrap();
                assert_eq!(worth(&had), worth(&has(&*world.member(0).await)));
            } else {
                assert_eq!(had, has(&*world.member(0).await));
            }
            assert_eq!(pots, self::pots(&world).await);
            world.books_agree(3).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(40), ..ProptestConfig::default() })]

    /// What is bought and comes back after any time leaves nothing behind but what that time did: settling is no order.
    #[test]
    fn brought_back_late_leaves_what_time_does(
        before in prop::collection::vec(step(), 0..15),
        bought in prop::collection::vec(line(), 1..5),
        pieces in prop::collection::vec((0_u8..5, 0_i64..4, 0_i64..9_000), 0..4),
        waits in prop::collection::vec(DAY..300 * DAY, 1..5),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (mut world, mut other) = (World::new(PROGRAM, 3, None).await, World::new(PROGRAM, 3, None).await);
            for step in &before {
                assert_eq!(world.make(step).await, other.make(step).await);
            }
            let buy = Step::Buy { who: 0, receipt: 200, lines: bought.clone(), store: 0, paid_with: None, days_ago: 0 };
            if bought.is_empty() || world.make(&buy).await != "Applied" {
                return;
            }
            let mut pieces = (100_u8..).zip(pieces);
            for micros in waits {
                world.make(&Step::Wait { micros }).await;
                other.make(&Step::Wait { micros }).await;
                if let Some((own, piece)) = pieces.next() {
                    world.make(&Step::GiveBack { receipt: 200, lines: vec![piece], own }).await;
                }
            }
            world.make(&Step::GiveBack { receipt: 200, lines: Vec::new(), own: 99 }).await;
            assert_eq!(worth(&has(&*other.member(0).await)), worth(&has(&*world.member(0).await)));
            world.books_agree(3).await;
            world.folds_agree().await;
        });
    }
}

async fn pots(world: &World) -> Vec<Points> {
    let mut gone = Vec::new();
    for pot in ["stock:mug", "budget:opening"] {
        gone.push(world.engine().pot(&world.program(), pot).await.unwrap());
    }
    gone
}
