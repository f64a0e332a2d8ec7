//! What the service says of all members against the plain definitions, reckoned anew from the feed each time.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use prost_types::Timestamp;
use tonic::Request;

use super::clubs::Clubs;
use super::members::Members;
use super::points::Points;
use super::segments::Segments;
use super::tests_scratch::{Scratch, Span, scratch};
use super::wire::codec::Asking;
use super::wire::receipt::tests::engine;
use crate::domain::calendar::Zone;
use crate::domain::insight::rhythm::{Tolerance, rhythm};
use crate::domain::insight::stages::{Borders, Stage, stage};
use crate::domain::order::MemberKey;
use crate::domain::units::{Moment, Text};
use crate::engine::{ApplyProgram, Engine};
use crate::pb;
use pb::club_service_server::ClubService;
use pb::member_service_server::MemberService;
use pb::points_service_server::PointsService;
use pb::segment_service_server::SegmentService;

pub(super) static ZONE: LazyLock<Zone> = LazyLock::new(|| Zone::named("Europe/Berlin").unwrap());
const MEMBERS: u64 = 9;
const SHOP: &str = r#"
id = "shop"
name = "Shop"
zone = "Europe/Berlin"
currency = "EUR"
accept_late = "10y"
credit_before_enrolment = true
[wallets.points]
name = "Points"
[meters.spend]
window = { rolling_days = 40 }
[attributes.line]
cost = { type = "integer", default = 0 }
[[earning]]
rule = "base"
basis = "amount"
rate = "1 per 1.00"
rounding = "floor"
wallet = "points"
meters = ["spend"]
[ladder]
[[ladder.tier]]
id = "gold"
qualify = 'spend >= 100'
validity = { span = "40d" }
[[ladder.tier]]
id = "black"
qualify = 'spend >= 400'
validity = { span = "10d" }
[[club]]
id = "crew"
door = "open"
"#;

/// A `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }

    /// Few enough amounts that members bring the same.
    fn amount(&mut self) -> i64 {
        [0, 500, 500, 1_999, 10_000, 33_333, 7][self.below(7) as usize]
    }
}

struct House {
    engine: Engine,
    clubs: Clubs,
    members: Members,
    points: Points,
    segments: Segments,
    dice: Dice,
    /// Receipts, and the prices of their lines.
    sold: Vec<(String, Vec<i64>)>,
}

async fn house(seed: u64) -> House {
    let engine = engine().await;
    let (effective_at, request_id) = (None, Text::default());
    let apply = ApplyProgram { source: SHOP.into(), effective_at, expected_version: 0, request_id, dry_run: false };
    engine.apply_program(apply).await.unwrap();
    House {
        clubs: Clubs::new(engine.clone()),
        members: Members::new(engine.clone()),
        points: Points::new(engine.clone(), tokio_util::sync::CancellationToken::new()),
        segments: Segments::new(engine.clone(), tokio_util::sync::CancellationToken::new()),
        engine,
        dice: Dice(seed),
        sold: Vec::new(),
    }
}

fn euro(minor_units: i64) -> Option<pb::Money> {
    Some(pb::Money { currency_code: "EUR".into(), minor_units })
}

impl House {
    async fn enroll(&self, member: u64) {
        let request = pb::EnrollMemberRequest {
            program: "shop".into(),
            member_id: format!("m-{member}"),
            request_id: format!("en-{member}"),
            ..Default::default()
        };
        self.members.enroll_member(Request::new(request)).await.unwrap();
    }

    /// Something happens; what is refused did not.
    async fn live(&mut self, step: usize) {
        let member = format!("m-{}", self.dice.below(MEMBERS - 1));
        match self.dice.below(12) {
            0 => self.join(member, step).await,
            1 | 6 => self.wait().await,
            2 if self.dice.below(8) == 0 => self.close(member, step).await,
            3..=5 if !self.sold.is_empty() => self.bring_back(step).await,
            _ => self.buy(member, step).await,
        }
    }

    /// Some days pass, and tiers end.
    async fn wait(&mut self) {
        let days = self.dice.below(25) as i64;
        self.engine.advance_clock(Moment(self.engine.now().0 + days * 86_400_000_000)).unwrap();
        while self.engine.settle_due(1_000).await.unwrap() > 0 {}
    }

    async fn close(&self, member_id: String, step: usize) {
        let (program, request_id) = ("shop".into(), format!("close-{step}"));
        let request = pb::CloseMemberRequest { program, member_id, request_id, ..Default::default() };
        drop(self.members.close_member(Request::new(request)).await);
    }

    async fn join(&self, member_id: String, step: usize) {
        let (program, club, request_id) = ("shop".into(), "crew".into(), format!("join-{step}"));
        let request = pb::JoinClubRequest { program, member_id, club, request_id, ..Default::default() };
        drop(self.clubs.join_club(Request::new(request)).await);
    }

    async fn buy(&mut self, member_id: String, step: usize) {
        let lines: Vec<_> = (0..=self.dice.below(3)).map(|line| self.line(line)).collect();
        let amounts = lines.iter().map(|line| line.amount.as_ref().unwrap().minor_units).collect();
        let seconds = self.engine.now().0 / 1_000_000 - self.dice.below(120 * 86_400) as i64;
        let purchase = pb::Purchase {
            receipt: Some(pb::Receipt { source: "till".into(), id: step.to_string() }),
            kind: "sale".into(),
            occurred_at: Some(Timestamp { seconds, nanos: 0 }),
            lines,
            store: self.dice.one_of(&["", "north", "south"]).into(),
            time_zone: if step % 20 == 7 { "Pacific/Auckland".into() } else { String::new() },
            ..Default::default()
        };
        let purchase = Some(purchase);
        let request = pb::RecordPurchaseRequest { program: "shop".into(), member_id, purchase, ..Default::default() };
        if self.points.record(Request::new(Asking::Message(Box::new(request)))).await.is_ok() {
            self.sold.push((step.to_string(), amounts));
        }
    }

    /// A line of one unit that may know its cost.
    fn line(&mut self, line: u64) -> pb::PurchaseLine {
        let amount = euro(self.dice.amount());
        let cost = pb::attribute_value::Value::Integer(self.dice.amount());
        let cost = ("cost".to_owned(), pb::AttributeValue { value: Some(cost) });
        let attributes = (self.dice.below(2) == 0).then_some(cost).into_iter().collect();
        pb::PurchaseLine { line_id: line.to_string(), amount, attributes, ..Default::default() }
    }

    /// Everything that is left, one whole line, or a third of its price.
    async fn bring_back(&mut self, step: usize) {
        let (id, amounts) = self.sold[self.dice.below(self.sold.len() as u64) as usize].clone();
        let line = self.dice.below(amounts.len() as u64);
        let what = match self.dice.below(2) {
            0 => pb::return_line::What::Amount(euro(amounts[line as usize] / 3).unwrap_or_default()),
            _ => pb::return_line::What::Quantity("1".into()),
        };
        let line = pb::ReturnLine { line_id: line.to_string(), what: Some(what) };
        let request = pb::ReturnPurchaseRequest {
            program: "shop".into(),
            receipt: Some(pb::Receipt { source: "till".into(), id }),
            return_receipt: Some(pb::Receipt { source: "till".into(), id: format!("back-{step}") }),
            lines: (self.dice.below(2) == 0).then_some(line).into_iter().collect(),
            ..Default::default()
        };
        drop(self.points.return_purchase(Request::new(request)).await);
    }

    fn window(&mut self) -> pb::SegmentWindow {
        let today = ZONE.day_of(self.engine.now());
        let day = |days: u64| today.plus_days(-(days as i32));
        let (long, short) = (60 + self.dice.below(70), self.dice.below(60));
        let open = self.dice.below(4) == 0;
        let shown = |days: u64| if open { String::new() } else { day(days).to_string() };
        pb::SegmentWindow {
            from: shown(long),
            to: shown(short),
            measure: self.dice.below(5) as i32,
            tier: self.dice.one_of(&["", "", "", "gold", "member"]).into(),
            club: self.dice.one_of(&["", "", "", "crew"]).into(),
            store: self.dice.one_of(&["", "", "", "north"]).into(),
        }
    }
}

/// The best first; those who bring nothing are left out.
fn best(customers: &[(MemberKey, i64)]) -> Vec<(MemberKey, i64)> {
    let mut best: Vec<_> = customers.iter().copied().filter(|(_, amount)| *amount > 0).collect();
    best.sort_by_key(|(_, amount)| -amount);
    best
}

fn total<'a>(some: impl IntoIterator<Item = &'a (MemberKey, i64)>) -> i64 {
    some.into_iter().map(|(_, amount)| *amount).sum()
}

fn decimal(part: i64, whole: i64) -> String {
    let units = (i128::from(part) * 2_000_000 + i128::from(whole)) / (2 * i128::from(whole));
    format!("{}.{:06}", units / 1_000_000, units % 1_000_000)
}

fn share(part: i64, whole: i64) -> Option<pb::Share> {
    (whole > 0 && part >= 0).then(|| pb::Share { decimal: decimal(part, whole), part, whole })
}

fn group(members: usize, of_members: usize, amount: i64, of_amount: i64) -> Option<pb::CustomerGroup> {
    let (members, of_members) = (members as i64, of_members as i64);
    let (share_of_members, share_of_amount) = (share(members, of_members), share(amount, of_amount));
    Some(pb::CustomerGroup { members, share_of_members, amount, share_of_amount })
}

fn check_pareto(told: &pb::GetParetoReportResponse, customers: &[(MemberKey, i64)], span: &Span) {
    let ranked = best(customers);
    let (all, whole) = (customers.len(), total(&ranked));
    let aside: Vec<_> = customers.iter().filter(|(_, amount)| *amount <= 0).copied().collect();
    assert_eq!((&told.from, &told.to), (&span.from.to_string(), &span.to.to_string()));
    assert_eq!((told.customers, told.buyers, told.amount), (all as i64, ranked.len() as i64, whole), "{span:?}");
    assert_eq!((told.aside_members, told.aside_amount), (aside.len() as i64, total(&aside)));
    let top = |percent: usize| {
        let members = (all * percent).div_ceil(100);
        group(members, all, total(ranked.iter().take(members)), whole)
    };
    assert_eq!(told.asked, top(34));
    assert_eq!(told.top, [1, 5, 10, 20].map(|percent| top(percent).unwrap()));
    let before = |rank: usize| total(&ranked[..rank]);
    let needed = (0..=ranked.len()).find(|rank| before(*rank) * 100 >= whole * 80).unwrap();
    assert_eq!(told.needed, group(needed, all, before(needed), whole));
    let class = |rank: usize| match before(rank) {
        sum if sum * 100 < whole * 80 => 0,
        sum if sum * 100 < whole * 95 => 1,
        _ => 2,
    };
    let mut classes = [0_i64; 3];
    (0..ranked.len()).for_each(|rank| classes[class(rank)] += 1);
    classes[2] += aside.len() as i64;
    assert_eq!(told.abc.iter().map(|class| class.members).collect::<Vec<_>>(), classes);
    let amounts: Vec<i64> = customers.iter().map(|(_, amount)| (*amount).max(0)).collect();
    let apart: i64 = amounts.iter().flat_map(|a| amounts.iter().map(move |b| (a - b).abs())).sum();
    let gini = if whole > 0 { decimal(apart, 2 * all as i64 * whole) } else { String::new() };
    assert_eq!(told.gini, gini);
    assert_eq!((told.lorenz.len(), told.lorenz.last().unwrap().amount), (8, whole));
}

async fn check_top(house: &House, asked: &pb::SegmentWindow, customers: &[(MemberKey, i64)]) {
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let (program, window) = ("shop".into(), Some(asked.clone()));
        let request = pb::ListTopMembersRequest { program, window, page_size: 3, page_token };
        let page = house.segments.list_top_members(Request::new(request)).await.unwrap().into_inner();
        listed.extend(page.members);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let ranked = best(customers);
    let whole = total(&ranked);
    assert_eq!(listed.len(), ranked.len());
    for (at, (told, (member, amount))) in listed.iter().zip(&ranked).enumerate() {
        assert_eq!((told.rank, told.amount), (at as i64 + 1, *amount));
        assert_eq!(MemberKey::of("shop", &told.member_id), *member);
        assert_eq!((&told.share, &told.cumulative), (&share(*amount, whole), &share(total(&ranked[..=at]), whole)));
    }
}

async fn check_members(house: &House, scratch: &Scratch, span: &Span, customers: &[(MemberKey, i64)]) {
    let (ranked, scores) = (best(customers), scratch.scores(span));
    for member in 0..MEMBERS {
        let (program, member_id, window) = ("shop".into(), format!("m-{member}"), Some(span.asked.clone()));
        let request = pb::GetMemberSegmentsRequest { program, member_id, window, ..Default::default() };
        let told = house.segments.get_member_segments(Request::new(request)).await.unwrap().into_inner();
        let key = MemberKey::of("shop", &format!("m-{member}"));
        let rank = ranked.iter().position(|(found, _)| *found == key).map_or(0, |at| at as i64 + 1);
        assert_eq!((told.amount, told.rank), (scratch.amount(span, key), rank));
        assert_eq!(told.customers, customers.len() as i64);
        let own = scores.iter().find(|(found, ..)| *found == key).map_or([0; 3], |(_, scores, _)| *scores);
        assert_eq!([told.recency, told.frequency, told.money], own);
        let days: Vec<i64> = scratch.days(key).iter().map(|day| day.0.into()).collect();
        let today = i64::from(span.to.0) - 1;
        let named = match stage(&days, false, today, &Borders::default()) {
            Stage::Prospect => pb::Stage::Prospect,
            Stage::Shopper => pb::Stage::Shopper,
            Stage::Customer => pb::Stage::Customer,
            Stage::Client => pb::Stage::Client,
            Stage::Advocate => pb::Stage::Advocate,
        };
        assert_eq!(told.stage(), named);
        let usual = rhythm(&days, today, &Tolerance::default());
        assert_eq!(told.rhythm.map(|told| told.usual_gap_days), usual.map(|rhythm| rhythm.usual));
        assert_eq!(told.tier, scratch.tiers[&key]);
    }
}

async fn check_report(house: &House, scratch: &Scratch, span: &Span, then: &Span) {
    let (then_from, then_to, then_to_day) = (then.from.to_string(), then.to.to_string(), then.to);
    let (window, top_share) = (Some(span.asked.clone()), "0.34".into());
    let request = pb::GetSegmentReportRequest {
        program: "shop".into(),
        window,
        top_share,
        then_from,
        then_to,
        ..Default::default()
    };
    let told = house.segments.get_segment_report(Request::new(request)).await.unwrap().into_inner();
    let then = Span { asked: span.asked.clone(), ..then.clone() };
    let vital = |customers: &[(MemberKey, i64)]| {
        let mut best = best(customers);
        best.truncate((customers.len() * 34).div_ceil(100));
        best
    };
    let (first, second) = (scratch.customers(span), scratch.customers(&then));
    let (group_, top) = (vital(&first), vital(&second));
    let whole = total(&best(&second));
    assert_eq!(told.group, group(group_.len(), first.len(), total(&group_), total(&best(&first))));
    assert_eq!(told.then_top, group(top.len(), second.len(), total(&top), whole));
    let in_group = |member: &MemberKey| group_.iter().any(|(found, _)| found == member);
    let there: Vec<_> = second.iter().filter(|(member, _)| in_group(member)).copied().collect();
    assert_eq!(told.then, group(there.len(), second.len(), total(&best(&there)), whole));
    let receipts = pb::SegmentWindow { measure: pb::Measure::Visits.into(), ..span.asked.clone() };
    let receipts = Span { asked: receipts, ..then };
    let still = group_.iter().filter(|(member, _)| scratch.amount(&receipts, *member) > 0).count();
    let stayed = top.iter().filter(|(member, _)| in_group(member)).count();
    assert_eq!((told.still_buying, told.stayed), (still as i64, stayed as i64));
    assert_eq!((told.entered, told.left), ((top.len() - stayed) as i64, (group_.len() - stayed) as i64));
    let mut cells: BTreeMap<[i32; 3], (i64, i64)> = BTreeMap::new();
    for (_, scores, money) in scratch.scores(span) {
        let cell = cells.entry(scores).or_default();
        *cell = (cell.0 + 1, cell.1 + money);
    }
    check_flows(&told, &scratch.moved(&span.asked, span.to, then_to_day));
    let of = |cell: &pb::RfmCell| ([cell.recency, cell.frequency, cell.money], (cell.members, cell.amount));
    assert_eq!(told.rfm.iter().map(of).collect::<BTreeMap<_, _>>(), cells);
}

fn check_flows(told: &pb::GetSegmentReportResponse, moved: &BTreeMap<(String, String), i64>) {
    let flow = |flow: &pb::TierFlow| ((flow.from_tier.clone(), flow.to_tier.clone()), flow.members);
    assert_eq!(told.tier_flows.iter().map(flow).collect::<BTreeMap<_, _>>(), *moved);
    let places = ["", "member", "gold", "black"];
    let place = |tier: &str| places.iter().position(|place| *place == tier).unwrap();
    assert!(
        told.tier_flows.is_sorted_by_key(|flow| (place(&flow.from_tier), place(&flow.to_tier))),
        "the ladder's order"
    );
    let counted = |tiers: &[pb::TierCount], side: fn(&(String, String)) -> &String| {
        let mut counts = vec![0; places.len()];
        moved.iter().for_each(|(flow, members)| counts[place(side(flow))] += members);
        let counts = places.into_iter().zip(counts).filter(|(tier, members)| !tier.is_empty() && *members > 0);
        let said = tiers.iter().map(|count| (count.tier.clone(), count.members));
        assert!(said.eq(counts.map(|(tier, members)| (tier.to_owned(), members))));
    };
    counted(&told.tiers, |(from, _)| from);
    counted(&told.then_tiers, |(_, to)| to);
}

/// How many buyers some questions were about, and how many members moved between tiers.
type Asked = (i64, i64);

/// Checks some questions.
async fn check(house: &mut House) -> Asked {
    let (mut buyers, mut moved) = (0, 0);
    let scratch = scratch(&house.engine).await;
    for _ in 0..3 {
        let mut asked = house.window();
        if !scratch.rows.iter().any(|row| &*row.store == "north") {
            asked.store = String::new();
        }
        let (span, then) = (scratch.span(&asked), scratch.span(&house.window()));
        let customers = scratch.customers(&span);
        let pb::SegmentWindow { from, to, measure, tier, club, store } = asked.clone();
        let request = pb::GetParetoReportRequest {
            program: "shop".into(),
            top_share: "0.34".into(),
            lorenz_points: 7,
            ..pb::GetParetoReportRequest { from, to, measure, tier, club, store, ..Default::default() }
        };
        let told = house.segments.get_pareto_report(Request::new(request)).await.unwrap().into_inner();
        buyers += told.buyers;
        check_pareto(&told, &customers, &span);
        check_top(house, &asked, &customers).await;
        check_members(house, &scratch, &span, &customers).await;
        check_report(house, &scratch, &span, &then).await;
        let flows = scratch.moved(&span.asked, span.to, then.to);
        let went = flows.iter().filter(|((from, to), _)| from != to && !from.is_empty() && !to.is_empty());
        moved += went.map(|(_, members)| members).sum::<i64>();
    }
    (buyers, moved)
}

#[tokio::test]
async fn every_answer_is_that_of_a_computation_from_the_beginning() {
    let (mut buyers, mut moved) = (0, 0);
    let mut add = |(more, moves): Asked| (buyers, moved) = (buyers + more, moved + moves);
    for seed in 0..20 {
        let mut house = house(seed).await;
        for member in 0..MEMBERS {
            house.enroll(member).await;
        }
        for step in 0..60 {
            house.live(step).await;
            if step % 20 == 0 {
                add(check(&mut house).await);
            }
        }
        add(check(&mut house).await);
    }
    assert!(buyers > 300 && moved > 50, "{buyers} and {moved} are too few to tell anything");
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let house = house(0).await;
    let request = pb::GetParetoReportRequest {
        program: "shop".into(),
        from: "1997".into(),
        measure: 77,
        top_share: "1.5".into(),
        of_amount: "0".into(),
        a_until: "0.9".into(),
        b_until: "0.8".into(),
        lorenz_points: 1_001,
        tier: "brass".into(),
        club: "gold".into(),
        store: "nowhere".into(),
        ..Default::default()
    };
    let no = house.segments.get_pareto_report(Request::new(request)).await.unwrap_err();
    let faults = tonic_types::StatusExt::get_details_bad_request(&no).unwrap().field_violations;
    let fields: Vec<&str> = faults.iter().map(|fault| &*fault.field).collect();
    let first = ["from", "measure", "tier", "club", "top_share", "of_amount", "b_until", "lorenz_points", "store"];
    assert_eq!(fields, first);
    let window = Some(pb::SegmentWindow { store: "nowhere".into(), ..Default::default() });
    let request = pb::ListTopMembersRequest { program: "shop".into(), window, page_size: -1, ..Default::default() };
    let no = house.segments.list_top_members(Request::new(request)).await.unwrap_err();
    let faults = tonic_types::StatusExt::get_details_bad_request(&no).unwrap().field_violations;
    assert_eq!(faults.iter().map(|fault| &*fault.field).collect::<Vec<_>>(), ["page_size", "window.store"]);
    let request = pb::GetParetoReportRequest { program: "no such".into(), ..Default::default() };
    let no = house.segments.get_pareto_report(Request::new(request)).await.unwrap_err();
    assert_eq!(no.code(), tonic::Code::NotFound);
}
