//! A world of members who belong: what can happen in it, and what a member has.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rung::domain::event::{BelongingFact, Fact, Seq};
use rung::domain::lot::Lot;
use rung::domain::member::{HeldBy, Member, MeterCount};
use rung::domain::order::{
    Adjustment, BelongingOrder, Caller, Claim, Enrolment, Granting, Holding, Line, MemberName, Order, Purchase,
    ReceiptKey, Return, ReturnLine, Sending, Tender, Using, Verb,
};
use rung::domain::program::{Program, Word};
use rung::domain::units::{CurrencyCode, Moment, Points, Quantity, Span, Text};
use rung::engine::{Applied, ApplyProgram, Denied, Engine, View};
use rung::store::Store;

use crate::model::home::{Home, Resident};

pub const HOUR: i64 = 3_600_000_000;
pub const DAY: i64 = 24 * HOUR;
/// 2026-04-20T12:00:00Z.
pub const START: i64 = 1_776_686_400_000_000;
pub const PROGRAM: &str = include_str!("../../programs/belonging.toml");
pub const CLUBS: [&str; 5] = ["lounge", "reading", "founders", "circle", "salon"];
pub const TIERS: [&str; 5] = ["member", "silver", "gold", "platinum", "ambassador"];
pub const QUOTAS: [&str; 5] = ["pass", "breakfast", "early", "gift-of-silver", "gift-of-gold"];
const CHOICES: [(&str, &str); 6] = [
    ("every-ten", "stars"),
    ("every-ten", "status"),
    ("every-ten", "boost"),
    ("every-ten", "club"),
    ("year-end", "stars"),
    ("year-end", "boost"),
];

/// One thing that happens; members, receipts and earlier orders go by small numbers.
#[derive(Clone, Debug)]
pub enum Step {
    Buy { who: u8, receipt: u8, nights: i64, cents: i64, days_ago: i64 },
    GiveBack { receipt: u8, nights: i64, own: u8 },
    Grant { who: u8, tier: u8, by: u8, days: Option<i64> },
    Revoke { grant: u8 },
    Give { who: u8, to: u8, tier: u8 },
    Use { who: u8, privilege: u8, uses: u32, companions: u32 },
    Unuse { used: u8 },
    Join { who: u8, club: u8, pays: bool },
    Leave { who: u8, club: u8 },
    Invite { who: u8, club: u8 },
    Decline { who: u8, club: u8 },
    Admit { who: u8, club: u8, admitted: bool },
    Choose { who: u8, choice: u8, times: u32 },
    Register { who: u8 },
    Redeem { who: u8, reward: u8 },
    Cancel { redemption: u8 },
    Show { redemption: u8 },
    Pay { who: u8, receipt: u8, cents: i64, with: u8 },
    Adjust { who: u8, points: i64 },
    Send { who: u8, to: u8, points: i64 },
    Hold { who: u8, points: i64, hours: i64 },
    Capture { hold: u8, points: Option<i64> },
    Release { hold: u8 },
    Wait { micros: i64 },
    Suspend { who: u8 },
    Reinstate { who: u8 },
    Close { who: u8 },
}

pub fn wait() -> impl Strategy<Value = Step> {
    let micros = prop_oneof![8 => HOUR..DAY, 6 => DAY..25 * DAY, 3 => 25 * DAY..200 * DAY, 1 => 200 * DAY..800 * DAY];
    micros.prop_map(|micros| Step::Wait { micros })
}

pub fn step() -> impl Strategy<Value = Step> {
    let who = || 0_u8..3;
    let nth = || 0_u8..10;
    let money = || prop_oneof![6 => 0_i64..60_000, 2 => 60_000_i64..250_000, 1 => 250_000_i64..700_000];
    let days_ago = || prop_oneof![5 => Just(0_i64), 2 => 0_i64..55];
    prop_oneof![
        14 => (who(), 0_u8..40, 0_i64..30, money(), days_ago())
            .prop_map(|(who, receipt, nights, cents, days_ago)| Step::Buy { who, receipt, nights, cents, days_ago }),
        5 => (0_u8..60, 0_i64..6, any::<u8>()).prop_map(|(receipt, nights, own)| Step::GiveBack { receipt, nights, own }),
        3 => (who(), 1_u8..5, 0_u8..3, prop::option::of(-1_i64..200))
            .prop_map(|(who, tier, by, days)| Step::Grant { who, tier, by, days }),
        2 => nth().prop_map(|grant| Step::Revoke { grant }),
        3 => (who(), who(), 1_u8..3).prop_map(|(who, to, tier)| Step::Give { who, to, tier }),
        6 => (who(), 0_u8..5, 1_u32..4, 0_u32..2)
            .prop_map(|(who, privilege, uses, companions)| Step::Use { who, privilege, uses, companions }),
        3 => nth().prop_map(|used| Step::Unuse { used }),
        8 => (who(), 0_u8..5, prop::bool::weighted(0.8)).prop_map(|(who, club, pays)| Step::Join { who, club, pays }),
        2 => (who(), 0_u8..5).prop_map(|(who, club)| Step::Leave { who, club }),
        3 => (who(), 0_u8..5).prop_map(|(who, club)| Step::Invite { who, club }),
        2 => (who(), 0_u8..5).prop_map(|(who, club)| Step::Decline { who, club }),
        4 => (who(), prop_oneof![3 => Just(3_u8), 1 => 0_u8..5], prop::bool::weighted(0.7)).prop_map(|(who, club, admitted)| Step::Admit { who, club, admitted }),
        8 => (who(), 0_u8..6, 1_u32..3).prop_map(|(who, choice, times)| Step::Choose { who, choice, times }),
        5 => who().prop_map(|who| Step::Register { who }),
        4 => (who(), 0_u8..3).prop_map(|(who, reward)| Step::Redeem { who, reward }),
        2 => nth().prop_map(|redemption| Step::Cancel { redemption }),
        1 => nth().prop_map(|redemption| Step::Show { redemption }),
        3 => (who(), 40_u8..60, money(), nth()).prop_map(|(who, receipt, cents, with)| Step::Pay { who, receipt, cents, with }),
        2 => (who(), -100_i64..300).prop_map(|(who, points)| Step::Adjust { who, points }),
        2 => (who(), who(), 1_i64..200).prop_map(|(who, to, points)| Step::Send { who, to, points }),
        3 => (who(), 1_i64..200, 1_i64..100).prop_map(|(who, points, hours)| Step::Hold { who, points, hours }),
        2 => (nth(), prop::option::of(1_i64..200)).prop_map(|(hold, points)| Step::Capture { hold, points }),
        1 => nth().prop_map(|hold| Step::Release { hold }),
        14 => wait(),
        1 => who().prop_map(|who| Step::Suspend { who }),
        5 => who().prop_map(|who| Step::Reinstate { who }),
        1 => (0_u8..30).prop_map(|who| Step::Close { who }),
    ]
}

/// An engine with what its orders made, by number.
pub struct World {
    home: Home,
    resident: Option<Resident>,
    /// What is kept; only a world in memory can be looked into while somebody is at home.
    pub store: Option<Arc<dyn Store>>,
    pub now: i64,
    requests: u32,
    grants: Vec<Seq>,
    uses: Vec<Seq>,
    holds: Vec<Seq>,
    /// Redemptions, with the vouchers they issued.
    redemptions: Vec<(Seq, Option<Claim>)>,
    pub last: Option<Applied>,
}

impl World {
    pub async fn new(program: &str, members: u8) -> Self {
        Self::at(Home::memory(), program, members).await
    }

    pub async fn at(home: Home, program: &str, members: u8) -> Self {
        let store = matches!(home, Home::Memory(_)).then(|| home.store());
        let resident = Some(home.open(START).await);
        let mut world = Self {
            home,
            resident,
            store,
            now: START,
            requests: 0,
            grants: Vec::new(),
            uses: Vec::new(),
            holds: Vec::new(),
            redemptions: Vec::new(),
            last: None,
        };
        world.apply(program, None).await;
        for who in 0..members {
            world.enroll(who).await;
        }
        world
    }

    pub async fn enroll(&mut self, who: u8) {
        let member_id = name(who);
        let enrolment = Enrolment { member_id, id_given: true, identifiers: Vec::new(), attributes: Vec::new() };
        self.ask(MemberName::Id(name(who)), Verb::Enroll(enrolment)).await.unwrap();
    }

    /// Applies a version of the program.
    pub async fn apply(&mut self, program: &str, effective_at: Option<Moment>) {
        let (request_id, expected_version) = (Text::default(), self.version());
        let source = program.into();
        let apply = ApplyProgram { source, effective_at, expected_version, request_id, dry_run: false };
        self.engine().apply_program(apply).await.unwrap();
    }

    fn version(&self) -> u32 {
        self.engine().programs().named("belonging").map_or(0, |timeline| timeline.newest().version)
    }

    pub fn engine(&self) -> &Engine {
        &self.resident.as_ref().unwrap().engine
    }

    /// Takes the engine down and puts it up again.
    pub async fn reopen(&mut self, is_orderly: bool) {
        self.resident.take().unwrap().leave(is_orderly).await;
        self.home.verify();
        self.resident = Some(self.home.open(self.now).await);
    }

    pub fn program(&self) -> Arc<Program> {
        Arc::clone(self.engine().programs().named("belonging").unwrap().newest())
    }

    pub async fn ask(&mut self, member: MemberName, verb: Verb) -> Result<Applied, Denied> {
        self.requests += 1;
        let request_id = format!("r-{}", self.requests).into();
        let (program, caller) = ("belonging".into(), Caller::default());
        self.engine().submit(Order { program, member, request_id, caller, verb }).await
    }

    /// Makes one thing happen; says what came of it, in a word.
    pub async fn make(&mut self, step: &Step) -> String {
        self.last = None;
        if let Step::Wait { micros } = step {
            self.now += micros;
            self.engine().advance_clock(Moment(self.now)).unwrap();
            return "waited".into();
        }
        let Some((member, verb)) = self.order(step).await else { return "nothing".into() };
        match self.ask(member, verb).await {
            Ok(applied) => {
                match step {
                    Step::Grant { .. } => self.grants.push(applied.entries[0].seq),
                    Step::Use { .. } | Step::Give { .. } => self.uses.push(applied.entries[0].seq),
                    Step::Hold { .. } => self.holds.push(applied.entries[0].seq),
                    Step::Redeem { .. } => self.redemptions.push(redeemed(&applied)),
                    _ => {}
                }
                let outcome = format!("{:?}", applied.outcome);
                self.last = Some(applied);
                outcome
            }
            Err(Denied::Refused(refusal)) => refusal.reason().into(),
            Err(Denied::Failed(failure)) => panic!("{failure}"),
        }
    }

    async fn order(&self, step: &Step) -> Option<(MemberName, Verb)> {
        let id = |who: &u8| MemberName::Id(name(*who));
        let about = |who: &u8, order: BelongingOrder| Some((id(who), belonging(order)));
        let club = |club: &u8| Text::from(CLUBS[usize::from(*club)]);
        let (reason, actor): (Text, Text) = ("asked".into(), "desk".into());
        let nth = |list: &[Seq], nth: &u8| list.get(usize::from(*nth) % list.len().max(1)).copied();
        match step {
            Step::Wait { .. } => None,
            Step::Buy { who, receipt, nights, cents, days_ago } => {
                let bought = purchase(*receipt, Moment(self.now - days_ago * DAY), *nights, *cents);
                Some((id(who), Verb::RecordPurchase(Arc::new(bought))))
            }
            Step::GiveBack { receipt, nights, own } => {
                let line = ReturnLine { line_id: "0".into(), quantity: Quantity(*nights * 1_000), minor_units: 0 };
                let lines = if *nights > 0 { vec![line] } else { Vec::new() };
                let return_receipt = ReceiptKey { source: "back".into(), id: own.to_string().into() };
                let (receipt, occurred_at, exchange) = (key(*receipt), None, None);
                let asked = Return { receipt: receipt.clone(), return_receipt, occurred_at, lines, exchange };
                Some((MemberName::Receipt(receipt), Verb::ReturnPurchase(Arc::new(asked))))
            }
            Step::Grant { who, tier, by, days } => {
                let by = [HeldBy::Manual, HeldBy::Match, HeldBy::Invitation][usize::from(*by)];
                let until = days.map(|days| Moment(self.now + days * DAY));
                let tier = TIERS[usize::from(*tier)].into();
                about(who, BelongingOrder::GrantTier(Granting { tier, by, until, reason, actor }))
            }
            Step::Revoke { grant } => {
                let grant = nth(&self.grants, grant)?;
                let entry = self.engine().entry("belonging", grant).await.unwrap().0;
                let order = BelongingOrder::RevokeTierGrant { grant, reason, actor };
                Some((MemberName::Key(entry.member), belonging(order)))
            }
            Step::Give { who, to, tier } => {
                let tier = TIERS[usize::from(*tier)].into();
                about(who, BelongingOrder::GiveTier { to: id(to), tier, note: Text::default() })
            }
            Step::Use { who, privilege, uses, companions } => {
                let (uses, companions) = (*uses, *companions);
                let privilege = QUOTAS[usize::from(*privilege)].into();
                let using = Using { privilege, uses, companions, begins_at: None, note: Text::default() };
                about(who, BelongingOrder::UsePrivilege(using))
            }
            Step::Unuse { used } => {
                let used = nth(&self.uses, used)?;
                let order = BelongingOrder::ReturnPrivilege { used, note: Text::default() };
                Some((MemberName::Entry(used), belonging(order)))
            }
            Step::Join { who, club: which, pays } => {
                let paid = if *pays { self.fee(*who, CLUBS[usize::from(*which)]).await } else { Points::ZERO };
                about(who, BelongingOrder::JoinClub { club: club(which), paid, reference: "card".into() })
            }
            Step::Leave { who, club: which } => about(who, BelongingOrder::LeaveClub { club: club(which) }),
            Step::Invite { who, club: which } => {
                about(who, BelongingOrder::InviteToClub { club: club(which), until: None, actor })
            }
            Step::Decline { who, club: which } => about(who, BelongingOrder::DeclineInvitation { club: club(which) }),
            Step::Admit { who, club: which, admitted } => {
                let order = BelongingOrder::AdmitToClub { club: club(which), admitted: *admitted, reason, actor };
                about(who, order)
            }
            Step::Choose { who, choice, times } => {
                let (milestone, option) = CHOICES[usize::from(*choice)];
                let (milestone, option) = (milestone.into(), option.into());
                about(who, BelongingOrder::ChooseBenefit { milestone, reached: None, option, times: *times })
            }
            Step::Register { who } => about(who, BelongingOrder::RegisterBoost { boost: "double".into() }),
            Step::Redeem { who, reward } => {
                let reward = ["pass", "reading", "mug"][usize::from(*reward)].into();
                Some((id(who), Verb::Redeem { reward, times: 1 }))
            }
            Step::Pay { who, receipt, cents, with } => {
                let mut bought = purchase(*receipt, Moment(self.now), 0, *cents);
                let redeemed = self.redemptions.iter().map(|(seq, _)| *seq);
                let all: Vec<Seq> = self.holds.iter().copied().chain(redeemed).collect();
                let redemption = nth(&all, with)?;
                bought.tenders.push(Tender { kind: "points".into(), minor_units: *cents / 2, redemption });
                Some((id(who), Verb::RecordPurchase(Arc::new(bought))))
            }
            other => self.about_points(other),
        }
    }

    /// Orders about points that are there already.
    fn about_points(&self, step: &Step) -> Option<(MemberName, Verb)> {
        let id = |who: &u8| MemberName::Id(name(*who));
        let nth = |list: &[Seq], nth: &u8| list.get(usize::from(*nth) % list.len().max(1)).copied();
        let redemption = |at: &u8| self.redemptions.get(usize::from(*at) % self.redemptions.len().max(1)).copied();
        let wallet = || Text::from("stars");
        match step {
            Step::Cancel { redemption: at } => {
                let redemption = redemption(at)?.0;
                let verb = Verb::CancelRedemption { redemption, reason: "asked".into() };
                Some((MemberName::Entry(redemption), verb))
            }
            Step::Show { redemption: at } => {
                let voucher = redemption(at)?.1?;
                Some((MemberName::Voucher(voucher), Verb::UseVoucher { voucher, note: Text::default() }))
            }
            Step::Adjust { who, points } => {
                let (wallet, points) = (wallet(), Points(*points));
                Some((
                    id(who),
                    Verb::Adjust(Adjustment { wallet, points, reason: "asked".into(), actor: "desk".into() }),
                ))
            }
            Step::Send { who, to, points } => {
                let (to, wallet, points) = (id(to), wallet(), Points(*points));
                Some((id(who), Verb::Transfer(Sending { to, wallet, points, note: Text::default() })))
            }
            Step::Hold { who, points, hours } => {
                let (wallet, points, ttl) = (wallet(), Points(*points), Span::seconds(hours * 3_600));
                Some((id(who), Verb::Hold(Holding { wallet, points, ttl, note: Text::default() })))
            }
            Step::Capture { hold, points } => {
                let hold = nth(&self.holds, hold)?;
                Some((MemberName::Entry(hold), Verb::Capture { hold, points: points.map(Points) }))
            }
            Step::Release { hold } => {
                let hold = nth(&self.holds, hold)?;
                Some((MemberName::Entry(hold), Verb::Release(hold)))
            }
            other => self.coming_and_going(other),
        }
    }

    fn coming_and_going(&self, step: &Step) -> Option<(MemberName, Verb)> {
        let id = |who: &u8| MemberName::Id(name(*who));
        match step {
            Step::Suspend { who } => Some((id(who), Verb::Suspend(Text::default()))),
            Step::Reinstate { who } => Some((id(who), Verb::Reinstate(Text::default()))),
            Step::Close { who } => (*who < 3).then(|| (id(who), Verb::Close(Text::default()))),
            _ => None,
        }
    }

    /// What she would pay in money, were she to ask now.
    async fn fee(&self, who: u8, club: &str) -> Points {
        let view = self.view(who).await;
        let program = view.timeline.at(view.now);
        let club = program.clubs.iter().find(|found| program.text(found.id.0) == club).unwrap();
        let offer = rung::domain::decide::club_offer(program, club, &view.member, view.now);
        let in_money = club.fee.as_ref().is_some_and(|fee| fee.wallet.is_none());
        offer.fee.filter(|_| in_money).unwrap_or_default()
    }

    pub async fn view(&self, who: u8) -> View {
        let view = self.engine().member("belonging", &MemberName::Id(name(who))).await.unwrap();
        view.member.check().unwrap();
        view
    }

    pub async fn has(&self, who: u8) -> Has {
        let view = self.view(who).await;
        has(view.timeline.newest(), &view.member, view.now)
    }

    pub async fn tier(&self, who: u8) -> String {
        let view = self.view(who).await;
        let tier = view.member.standing.tier().unwrap();
        view.timeline.newest().text(tier.0).into()
    }

    pub async fn sweep(&self) {
        while self.engine().settle_due(100).await.unwrap() > 0 {}
    }

    pub async fn gone(&self, club: &str) -> i64 {
        self.engine().pot("belonging", &format!("places:{club}")).await.unwrap().0
    }

    /// What the member has of a quota by `check`.
    pub async fn left(&self, who: u8, privilege: &str) -> i64 {
        let view = self.view(who).await;
        let program = view.timeline.at(view.now);
        let found = program.privileges.iter().find(|found| program.text(found.id.0) == privilege).unwrap();
        let asked = rung::domain::decide::Asked { uses: 1, ..Default::default() };
        rung::domain::decide::check(program, &view.member, found, asked, view.now).quota.unwrap().left
    }

    pub async fn stars(&self, who: u8) -> i64 {
        let view = self.view(who).await;
        let wallet = view.timeline.newest().wallet_named("stars").unwrap().id;
        view.member.available(wallet).0 - view.member.debt(wallet).0
    }

    pub async fn reads(&self, who: u8, meter: &str) -> i64 {
        let view = self.view(who).await;
        let program = view.timeline.at(view.now);
        let at = program.meters.iter().position(|found| program.text(found.id.0) == meter).unwrap();
        rung::domain::decide::meter_values(program, &view.member, view.now).unwrap()[at]
    }

    /// What is issued and not gone is what members hold, less what they owe.
    pub async fn books_agree(&self, members: u8) {
        let books = self.engine().liability("belonging").await.unwrap();
        let mut outstanding = BTreeMap::<_, i64>::new();
        for row in &books.rows {
            *outstanding.entry(row.wallet).or_default() += row.row.outstanding().0;
        }
        let mut balances = BTreeMap::<_, i64>::new();
        for who in 0..members {
            let member = self.view(who).await.member;
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
    pub async fn folds_agree(&self) {
        let Some(store) = &self.store else { return };
        let mut folded: BTreeMap<_, Member> = BTreeMap::new();
        for entry in store.feed(Seq::NONE, 100_000).await.unwrap() {
            if entry.member != rung::domain::order::MemberKey::NOBODY {
                folded.entry(entry.member).or_default().apply_entry(&entry).unwrap();
            }
        }
        let wants = rung::store::Wants { members: folded.keys().copied().collect(), ..Default::default() };
        let kept = store.read(&wants).await.unwrap().members;
        for (key, member) in folded {
            assert_eq!(*kept[&key], member);
        }
    }

    /// Nobody has chosen more of a milestone than she had ever reached of it, however often goods came back.
    pub async fn nothing_is_chosen_twice(&self) {
        let Some(store) = &self.store else { return };
        let (mut most, mut chosen) = (BTreeMap::<_, i64>::new(), BTreeMap::<_, i64>::new());
        for entry in store.feed(Seq::NONE, 100_000).await.unwrap() {
            for fact in &entry.facts {
                let Fact::Belonging(fact) = fact else { continue };
                match &**fact {
                    BelongingFact::MilestoneReached { milestone, count, number, .. } => {
                        let most = most.entry((entry.member, *milestone, count.window)).or_default();
                        *most = (*most).max(*number);
                    }
                    BelongingFact::BenefitChosen { milestone, cost, .. } => {
                        *chosen.entry((entry.member, *milestone)).or_default() += i64::from(*cost);
                    }
                    _ => {}
                }
            }
        }
        let program = self.program();
        for ((member, milestone), chosen) in chosen {
            let reached: i64 =
                most.iter().filter(|((who, of, _), _)| (*who, *of) == (member, milestone)).map(|(_, n)| n).sum();
            let choices = program.milestone(milestone).unwrap().choice.as_ref().unwrap().choices;
            assert!(chosen <= reached * i64::from(choices), "{chosen} chosen of {reached} times {choices}");
        }
    }
}

pub fn belonging(order: BelongingOrder) -> Verb {
    Verb::Belonging(Box::new(order))
}

pub fn name(who: u8) -> Text {
    format!("member-{who}").into()
}

/// A redemption, with the voucher it issued.
fn redeemed(applied: &Applied) -> (Seq, Option<Claim>) {
    let entry = &applied.entries[0];
    let voucher = entry.facts.iter().find_map(|fact| match fact {
        Fact::RewardRedeemed(redeemed) => redeemed.voucher.as_ref().map(|voucher| voucher.claim),
        _ => None,
    });
    (entry.seq, voucher)
}

fn key(receipt: u8) -> ReceiptKey {
    ReceiptKey { source: "till".into(), id: receipt.to_string().into() }
}

fn purchase(receipt: u8, occurred_at: Moment, nights: i64, cents: i64) -> Purchase {
    let line = |line_id: &str, category: &str, quantity: i64, minor_units: i64| Line {
        line_id: line_id.into(),
        sku: Text::default(),
        category: category.into(),
        quantity: Quantity(quantity * 1_000),
        minor_units,
        attributes: Vec::new(),
    };
    let mut lines = vec![line("1", "food", 1, cents)];
    lines.extend((nights > 0).then(|| line("0", "night", nights, nights * 1_000)));
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

/// The lots of a wallet, by what they end and when they are from, and what is owed.
type PurseOf = (String, BTreeMap<(Moment, i32), i64>, i64);
/// A choice: the milestone, how many are left, until when, and what was taken.
type ChoiceOf = (String, u32, Moment, Vec<(String, u32)>);

/// What a member has, as far as two worlds can agree on it: nothing of entries' numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Has {
    pub state: String,
    pub tier: String,
    pub held: Vec<(String, Moment, Moment, HeldBy)>,
    pub purses: Vec<PurseOf>,
    pub meters: Vec<(String, i32, i64)>,
    pub clubs: Vec<(String, Moment, Moment, bool)>,
    pub invited: Vec<(String, Moment)>,
    pub asked: Vec<String>,
    pub allowances: BTreeMap<(String, Moment), u32>,
    pub choices: Vec<ChoiceOf>,
    pub boosts: Vec<(String, Option<Moment>, Moment, Moment)>,
    pub windows: Vec<(String, i32, Moment)>,
}

fn lots<'a>(lots: impl IntoIterator<Item = &'a Lot>) -> BTreeMap<(Moment, i32), i64> {
    let mut by_dates = BTreeMap::new();
    for lot in lots {
        *by_dates.entry((lot.terms.expires_at, lot.terms.issued.month_start().0)).or_default() += lot.points.0;
    }
    by_dates
}

pub fn has(program: &Program, member: &Member, now: Moment) -> Has {
    let text = |word: Word| program.text(word).to_owned();
    let belonging = member.belonging();
    let purses = member.purses.iter().filter(|purse| !purse.lots.is_empty() || purse.debt != Points::ZERO);
    // What has ended says nothing any more, and may be told in another order.
    let held = member.standing.held().iter().filter(|held| now < held.until);
    let mut held: Vec<_> = held.map(|held| (text(held.tier.0), held.since, held.until, held.by)).collect();
    held.sort();
    let mut allowances = BTreeMap::new();
    for held in &belonging.allowances {
        *allowances.entry((text(held.privilege.0), held.until)).or_default() += held.left;
    }
    let mut has = Has {
        state: format!("{:?}", member.state),
        tier: member.standing.tier().map(|tier| text(tier.0)).unwrap_or_default(),
        held,
        purses: purses.map(|purse| (text(purse.wallet.0), lots(&purse.lots), purse.debt.0)).collect(),
        meters: member
            .meters
            .counts()
            .iter()
            .map(|MeterCount { meter, window, amount }| (text(meter.0), window.0, amount.0))
            .collect(),
        clubs: belonging.clubs.iter().map(|held| (text(held.club.0), held.since, held.until, held.has_place)).collect(),
        invited: belonging.invitations.iter().map(|held| (text(held.club.0), held.until)).collect(),
        asked: belonging.asked.iter().map(|club| text(club.0)).collect(),
        allowances,
        choices: belonging
            .choices
            .iter()
            .map(|choice| {
                let taken = choice.taken.iter().map(|(option, times)| (text(option.0), *times)).collect();
                (text(choice.milestone.0), choice.left, choice.until, taken)
            })
            .collect(),
        boosts: belonging
            .boosts
            .iter()
            .map(|held| (text(held.boost.0), held.register_before, held.since, held.until))
            .collect(),
        windows: belonging.windows.iter().map(|held| (text(held.meter.0), held.window.0, held.closes_at)).collect(),
    };
    has.clubs.sort();
    has.invited.sort();
    has.asked.sort();
    has.choices.sort();
    has.boosts.sort();
    has.windows.sort();
    has
}

/// What an entry says of promotions: the tier the last of them leads to.
pub fn moved_to(program: &Program, applied: &Applied) -> Option<String> {
    applied.entries[0].facts.iter().rev().find_map(|fact| match fact {
        Fact::TierChanged { to, .. } => Some(program.text(to.0).to_owned()),
        _ => None,
    })
}
