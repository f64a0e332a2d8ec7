//! What a program promises beyond names and conditions, in words: the policies of wallets, the terms of rules, rewards
//! and clubs, what privileges and milestones give.

use super::benefits::{benefit, lasts, many, percent, span, worth};
use super::programs::window;
use crate::domain::calendar::rfc3339;
use crate::domain::crowd::daybook::Measure;
use crate::domain::insight::stages::Stage;
use crate::domain::program::{
    BonusOf, ChoiceOption, Club, Cut, Debt, Door, Expiry, Fee, Judged, Milestone, Pending, Privilege, PrivilegeKind,
    Program, Reward, Rule, Segment, Stacking, Steps, TierId, Validity, Wallet, Who,
};
use crate::domain::units::{Moment, Points, decimal_text};
use crate::pb;

/// What a wallet promises about its points.
#[must_use]
pub fn policies(program: &Program, wallet: &Wallet) -> Vec<String> {
    let points = |points: Points| points.display(wallet.decimals);
    let names = |tiers: &[TierId]| named(program, tiers.iter().map(|tier| tier.0));
    let mut told = vec![ends(wallet.expiry), spendable(wallet.pending), owed(wallet.debt).to_owned()];
    if !wallet.keeps.is_empty() {
        told.push(format!("kept on {}", names(&wallet.keeps)));
    }
    told.extend(wallet.notice.map(|notice| format!("their end is announced {} ahead", span(notice))));
    told.extend(wallet.grace.map(|grace| format!("what comes back late stays {}", span(grace))));
    if wallet.head_start != Points::ZERO {
        told.push(format!("a new member is given {}", points(wallet.head_start)));
    }
    told.extend(wallet.book.map(|book| format!("spent in books of {}", points(book))));
    if wallet.transferable {
        told.push("can be sent to other members".into());
    }
    told.extend(wallet.conversion.as_ref().map(|conversion| {
        let when = match &conversion.cut {
            Cut::AtOnce => "as soon as they are there".into(),
            Cut::On(days) => format!("on {}", days.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        };
        format!("{} become {} {when}", points(conversion.step), program.text(conversion.reward.0))
    }));
    told.extend(wallet.valuation.map(|value| {
        let money = program.currency.as_str();
        format!(
            "worth {} minor units of {money} each, {}% expected to be redeemed",
            value.minor_units,
            percent(value.expected)
        )
    }));
    told
}

fn ends(expiry: Expiry) -> String {
    match expiry {
        Expiry::Never => "they stay".into(),
        Expiry::After { span: after, end_of_month: false } => format!("they end after {}", span(after)),
        Expiry::After { span: after, end_of_month: true } => {
            format!("they end after {}, at the end of the month", span(after))
        }
        Expiry::Inactive(after) => format!("all end after {} without activity", span(after)),
        Expiry::Yearly { through, years_after: 0 } => format!("they end with {through}"),
        Expiry::Yearly { through, years_after } => {
            format!("they end with {through}, {} on", many(years_after.into(), "year"))
        }
    }
}

fn spendable(pending: Pending) -> String {
    match pending {
        Pending::No => "to be spent at once".into(),
        Pending::For(after) => format!("to be spent after {}", span(after)),
        Pending::UntilConfirmed => "to be spent once the purchase is confirmed".into(),
    }
}

const fn owed(debt: Debt) -> &'static str {
    match debt {
        Debt::Negative => "a return may take the balance below zero",
        Debt::NextEarnings => "what a return cannot take is taken from the next earnings",
        Debt::WriteOff => "what a return cannot take is written off",
    }
}

/// How long a tier holds once earned.
#[must_use]
pub fn validity(validity: Validity) -> String {
    match validity {
        Validity::Through { year_starts, day, years_after } => {
            let later = match years_after {
                0 => "the same year".into(),
                years => format!("{} later", many(years.into(), "year")),
            };
            format!("through {day} of {later}, by years from {year_starts}")
        }
        Validity::Span(how_long) => span(how_long),
        Validity::Forever => "for ever".into(),
    }
}

/// What else holds for an earning rule or a campaign.
#[must_use]
pub fn rule_terms(program: &Program, rule: &Rule) -> Vec<String> {
    let decimals = rule.wallet.and_then(|wallet| program.wallet(wallet)).map_or(0, |wallet| wallet.decimals);
    let bonus_of = match rule.bonus_of {
        BonusOf::Exact => "of what is earned",
        BonusOf::Rounded => "of what is granted",
    };
    let bonuses = rule
        .bonus
        .iter()
        .map(|(tier, share)| format!("{}: {}% more {bonus_of}", program.text(tier.0), percent(*share)));
    let mut told: Vec<String> = bonuses.collect();
    match rule.stacking {
        Stacking::Rule => {}
        Stacking::Add => told.push("on top of everything else".into()),
        Stacking::Best => told.push("only the best of its kind grants".into()),
        Stacking::Exclusive(priority) => told.push(format!("no other campaign grants beside it, priority {priority}")),
    }
    if let Some(boost) = rule.boost {
        let begins = match boost.register_within {
            Some(within) => format!("once registered for within {}", span(within)),
            None => "at once".into(),
        };
        told.push(format!("only as a boost: {begins},{}", lasts(boost.lasts)));
    }
    let caps = &rule.caps;
    told.extend(caps.per_receipt.map(|most| format!("at most {} per receipt", most.display(decimals))));
    told.extend(
        caps.per_member
            .map(|cap| format!("at most {} per member in {}", cap.points.display(decimals), window(cap.window))),
    );
    told.extend(caps.budget.map(|most| format!("at most {} to all members together", most.display(decimals))));
    if rule.counts_points_tender {
        told.push("what is paid with points earns too".into());
    }
    told
}

/// A reward.
#[must_use]
pub fn reward(program: &Program, reward: &Reward) -> pb::ProgramReward {
    let decimals = program.wallet(reward.wallet).map_or(0, |wallet| wallet.decimals);
    let price = |points: Points| format!("{} {}", points.display(decimals), program.text(reward.wallet.0));
    let mut terms = vec![reward.price.map_or_else(|| "only cut from balances".into(), price)];
    terms.extend(reward.tier_prices.iter().map(|(tier, own)| format!("{}: {}", program.text(tier.0), price(*own))));
    terms.extend(reward.stock.map(|stock| format!("{stock} in stock")));
    terms.extend(reward.limit.map(|limit| format!("{} per member in {}", limit.times, window(limit.window))));
    if !reward.tiers.is_empty() {
        terms.push(format!("for {}", named(program, reward.tiers.iter().map(|tier| tier.0))));
    }
    if !reward.clubs.is_empty() {
        terms.push(format!("for members of {}", named(program, reward.clubs.iter().map(|club| club.0))));
    }
    terms.extend(dates(reward.from, reward.until));
    terms.extend(reward.voucher.map(|keeps| match keeps {
        Some(keeps) => format!("a voucher that keeps {}", span(keeps)),
        None => "a voucher".into(),
    }));
    terms.extend(reward.gives.iter().map(|given| format!("gives {}", benefit(program, given))));
    pb::ProgramReward { reward: program.text(reward.id.0).to_owned(), name: reward.name.to_string(), terms }
}

/// A club.
#[must_use]
pub fn club(program: &Program, club: &Club) -> pb::ProgramClub {
    let mut terms = Vec::new();
    if let Door::Invitation(stands) = club.door {
        terms.push(format!("an invitation stands {}", span(stands)));
    }
    if !club.segments.is_empty() {
        let segments = named(program, club.segments.iter().map(|segment| segment.0));
        terms.push(format!("opens to whoever comes into {segments}"));
    }
    terms.extend(club.term.map(|term| format!("a term of {}", span(term))));
    terms.extend(club.fee.iter().flat_map(|fee| fees(program, fee)));
    terms.extend(club.capacity.map(|capacity| many(capacity, "place")));
    terms.extend(dates(club.from, club.until));
    let door = match club.door {
        Door::Open => "open",
        Door::Invitation(_) => "invitation",
        Door::Condition => "condition",
        Door::Approval => "approval",
    };
    pb::ProgramClub {
        club: program.text(club.id.0).to_owned(),
        name: club.name.to_string(),
        door: door.to_owned(),
        condition: club.condition.as_ref().map(|condition| condition.written.to_string()).unwrap_or_default(),
        terms,
    }
}

fn fees(program: &Program, fee: &Fee) -> Vec<String> {
    let amount = |amount: Points| match fee.wallet.and_then(|wallet| program.wallet(wallet)) {
        Some(wallet) => format!("{} {}", amount.display(wallet.decimals), program.text(wallet.id.0)),
        None => {
            let currency = program.currency;
            format!("{} {}", decimal_text(amount.0.into(), currency.decimals()), currency.as_str())
        }
    };
    let own = fee.by_tier.iter().map(|(tier, own)| format!("{}: a fee of {}", program.text(tier.0), amount(*own)));
    let first = std::iter::once(format!("a fee of {}", amount(fee.amount)));
    first.chain(own).chain(fee.renewal.map(|renewal| format!("{} to go on", amount(renewal)))).collect()
}

fn dates(from: Moment, until: Moment) -> Vec<String> {
    let from = (from != Moment::BEGINNING).then(|| format!("from {}", rfc3339(from)));
    let until = (until != Moment::NEVER).then(|| format!("until {}", rfc3339(until)));
    from.into_iter().chain(until).collect()
}

/// A segment.
#[must_use]
pub fn segment(program: &Program, segment: &Segment) -> pb::ProgramSegment {
    let who = match &segment.who {
        Who::Top { share, measure, window: over } => {
            let percent = decimal_text(share.millionths(), 4);
            let percent = percent.trim_end_matches('0').trim_end_matches('.');
            format!("the best {percent} % of customers by {} in {}", measured_by(*measure), window(*over))
        }
        Who::Cells { cells, window: over } => {
            let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
            format!("recency, frequency and money {} in {}", cells.join(", "), window(*over))
        }
        Who::Slipping(_) => "silent beyond her own rhythm".into(),
        Who::FirstPurchase(None) => "bought once".into(),
        Who::FirstPurchase(Some(lasts)) => format!("bought once, for {}", span(*lasts)),
        Who::OnStage(stage) => format!("at the stage of a {}", staged(*stage)),
    };
    pb::ProgramSegment { segment: program.text(segment.id.0).to_owned(), name: segment.name.to_string(), who }
}

const fn measured_by(measure: Measure) -> &'static str {
    match measure {
        Measure::Spend => "spend",
        Measure::Margin => "margin",
        Measure::Visits => "visits",
        Measure::Points => "points",
    }
}

const fn staged(stage: Stage) -> &'static str {
    match stage {
        Stage::Prospect => "prospect",
        Stage::Shopper => "shopper",
        Stage::Customer => "customer",
        Stage::Client => "client",
        Stage::Advocate => "advocate",
    }
}

/// A privilege.
#[must_use]
pub fn privilege(program: &Program, privilege: &Privilege) -> pb::ProgramPrivilege {
    let kind = match privilege.kind {
        PrivilegeKind::Flag => "flag".to_owned(),
        PrivilegeKind::Quota { window: refills, .. } => format!("quota per {}", window(refills)),
        PrivilegeKind::Percent => "percent".to_owned(),
        PrivilegeKind::Code => "code".to_owned(),
        PrivilegeKind::Opening => "opening".to_owned(),
    };
    let by_tier = privilege.by_tier.iter().map(|(tier, given)| format!("{}: {}", program.text(tier.0), worth(given)));
    let by_club =
        privilege.by_club.iter().map(|(club, given)| format!("club {}: {}", program.text(club.0), worth(given)));
    let by_segment = privilege.by_segment.iter();
    let by_segment = by_segment.map(|(id, given)| format!("segment {}: {}", program.text(id.0), worth(given)));
    pb::ProgramPrivilege {
        privilege: program.text(privilege.id.0).to_owned(),
        name: privilege.name.to_string(),
        kind,
        given_by: by_tier.chain(by_club).chain(by_segment).collect(),
        companions: super::scalars::count32(privilege.companions),
        gift_tier: gift_tier(program, privilege),
    }
}

/// The tier that a use of a privilege gives to another member; empty if it gives none.
#[must_use]
pub fn gift_tier(program: &Program, privilege: &Privilege) -> String {
    match privilege.kind {
        PrivilegeKind::Quota { gift: Some(gift), .. } => program.text(gift.tier.0).to_owned(),
        _ => String::new(),
    }
}

/// A milestone.
#[must_use]
pub fn milestone(program: &Program, milestone: &Milestone) -> pb::ProgramMilestone {
    let decimals = program.meter(milestone.meter).map_or(0, |meter| meter.decimals);
    let options = milestone.choice.iter().flat_map(|choice| {
        let default = choice.default;
        choice.options.iter().map(move |found| option(program, found, default == Some(found.id)))
    });
    let within = milestone.choice.as_ref().map(|choice| format!("can be chosen{}", lasts(choice.within)));
    pb::ProgramMilestone {
        milestone: program.text(milestone.id.0).to_owned(),
        name: milestone.name.to_string(),
        meter: program.text(milestone.meter.0).to_owned(),
        steps: steps(milestone.steps, decimals),
        when: milestone.when.as_ref().map(|when| when.written.to_string()).unwrap_or_default(),
        at_end: milestone.judged == Judged::AtEnd,
        gives: milestone.gives.iter().map(|given| benefit(program, given)).collect(),
        options: options.chain(within).collect(),
        choices: milestone.choice.as_ref().map(|choice| super::scalars::count32(choice.choices)).unwrap_or_default(),
    }
}

fn steps(steps: Steps, decimals: u8) -> String {
    let mut told = format!("at {}", steps.at.display(decimals));
    if let Some(every) = steps.every {
        told += &format!(", then every {}", every.display(decimals));
    }
    if let Some(up_to) = steps.up_to {
        told += &format!(" up to {}", up_to.display(decimals));
    }
    told
}

/// `upgrades (costs 2 choices, at most 1): 2 uses of upgrade for ever`.
fn option(program: &Program, option: &ChoiceOption, is_default: bool) -> String {
    let mut terms = vec![format!("costs {}", many(option.cost.into(), "choice"))];
    terms.extend(option.limit.map(|limit| format!("at most {limit}")));
    terms.extend(option.when.as_ref().map(|when| format!("if {}", when.written)));
    if is_default {
        terms.push("unless something else is chosen in time".into());
    }
    let gives: Vec<String> = option.gives.iter().map(|given| benefit(program, given)).collect();
    format!("{} ({}): {}", program.text(option.id.0), terms.join(", "), gives.join(", "))
}

fn named(program: &Program, words: impl Iterator<Item = crate::domain::program::Word>) -> String {
    words.map(|word| program.text(word)).collect::<Vec<_>>().join(", ")
}
