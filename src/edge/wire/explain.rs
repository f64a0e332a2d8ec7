//! An entry told in words, one sentence for every fact and every grant, for whoever is asked "why do I have so many
//! points?".

use super::entries::Names;
use super::grants::{basis, decimals, program_of, rate, rule_of};
use super::lots::wallet_decimals;
use super::sentences::Teller;
use crate::domain::calendar::rfc3339;
use crate::domain::event::{Cap, Entry, Fact, Grant, Part, PurchaseRecorded, TierCause};
use crate::domain::program::{Basis, Expiry, Program, Rounds, Rule, Timeline, WalletId};
use crate::domain::units::{Moment, Points, Ratio, decimal_text};

/// The sentences of an entry, in the order of its facts; of a return they say more with the purchase at hand.
#[must_use]
pub fn explanation(
    timeline: &Timeline,
    names: &Names,
    entry: &Entry,
    returned: Option<&PurchaseRecorded>,
) -> Vec<String> {
    let teller = Teller { timeline, names, returned };
    let closes = entry.facts.iter().any(|fact| matches!(fact, Fact::MemberClosed(_)));
    let sentences = entry.facts.iter().flat_map(|fact| match fact {
        Fact::ActivityCounted { wallet, lapses_at, .. } if closes => {
            let word = timeline.newest().text(wallet.0);
            vec![format!("Her {word} are kept until {} and forfeited then.", rfc3339(*lapses_at))]
        }
        fact => sentences(timeline, teller, fact),
    });
    sentences.collect()
}

fn sentences(timeline: &Timeline, teller: Teller<'_>, fact: &Fact) -> Vec<String> {
    let register = &timeline.newest().register;
    let sentence = match fact {
        Fact::PurchaseRecorded(recorded) => return purchase(timeline, recorded),
        Fact::ProgramApplied(applied) => {
            format!("Version {} was applied, in force from {}.", applied.version, rfc3339(applied.effective_at))
        }
        Fact::MemberEnrolled(enrolled) => format!("Member {} enrolled.", enrolled.member_id),
        Fact::AttributesUpdated { set, remove } => {
            let set: Vec<&str> = set.iter().map(|(id, _)| register.text(id.0)).collect();
            let removed: Vec<&str> = remove.iter().map(|word| register.text(*word)).collect();
            format!("Attributes were set ({}) and removed ({}).", set.join(", "), removed.join(", "))
        }
        Fact::IdentifierLinked(identifier) => format!("The {} {} was linked.", identifier.kind, identifier.mask),
        Fact::IdentifierUnlinked(identifier) => format!("The {} {} was unlinked.", identifier.kind, identifier.mask),
        Fact::MemberSuspended(note) => noted("The member was suspended", note),
        Fact::MemberReinstated(note) => noted("The suspension ended", note),
        Fact::MemberClosed(note) => noted("The member closed", note),
        Fact::PointsForfeited { wallet, points, .. } => {
            let decimals = wallet_decimals(timeline, *wallet);
            format!("{} {} were forfeited.", points.display(decimals), register.text(wallet.0))
        }
        Fact::TierEarned { tier, since, until } => {
            format!("{} was earned from {}{}.", register.text(tier.0), rfc3339(*since), ending(*until))
        }
        Fact::TierChanged { from, to, at, cause } => {
            let why = match cause {
                TierCause::Earned => "it was earned",
                TierCause::ValidityEnded => "the validity of what was held ended",
                TierCause::Returned => "what it rested on came back",
                TierCause::Granted => "it was granted",
                TierCause::Revoked => "a grant was revoked",
                TierCause::LadderChanged => "another ladder took effect",
            };
            let (from, to) = (register.text(from.0), register.text(to.0));
            format!("The standing changed from {from} to {to} at {}: {why}.", rfc3339(*at))
        }
        other => return teller.sentences(other),
    };
    vec![sentence]
}

/// What happened, and the note that came with it.
#[must_use]
pub fn noted(what: &str, note: &str) -> String {
    if note.is_empty() { format!("{what}.") } else { format!("{what}: {note}.") }
}

/// Whether the points of a wallet end all together, when the member is not active for long.
#[must_use]
pub fn lapses_whole(timeline: &Timeline, wallet: WalletId) -> bool {
    timeline.newest().wallet(wallet).is_some_and(|wallet| matches!(wallet.expiry, Expiry::Inactive(_)))
}

/// How long something holds.
#[must_use]
pub fn ending(until: Moment) -> String {
    if until == Moment::NEVER { " for ever".into() } else { format!(" until {}", rfc3339(until)) }
}

fn purchase(timeline: &Timeline, recorded: &PurchaseRecorded) -> Vec<String> {
    let purchase = &recorded.purchase;
    let total = purchase.total().unwrap_or_default();
    let held = recorded.tier.map(|tier| format!(", counted for {}", timeline.newest().text(tier.0)));
    let opening = format!(
        "Receipt {} of {}: a {} of {} {} on {}{}.",
        purchase.receipt.id,
        purchase.receipt.source,
        purchase.kind,
        decimal_text(total.into(), purchase.currency.decimals()),
        purchase.currency.as_str(),
        rfc3339(recorded.counted_at),
        held.unwrap_or_default(),
    );
    let grants = recorded.grants.iter().map(|made| grant(timeline, recorded, made));
    std::iter::once(opening).chain(grants).chain(gathered(timeline, recorded)).collect()
}

fn grant(timeline: &Timeline, recorded: &PurchaseRecorded, made: &Grant) -> String {
    let program = program_of(timeline, made);
    let rule = rule_of(program, made);
    let wallet = made.wallet.map_or("points", |wallet| program.text(wallet.0));
    let mut text = format!(
        "{} (version {}{}): {} gives {} {wallet}",
        program.text(made.rule.0),
        made.program_version,
        place(recorded, made),
        reckoning(program, recorded, rule, made),
        made.desired.display(decimals(program, made)),
    );
    if made.granted != made.desired {
        text += &format!(", {} {}", made.granted.display(decimals(program, made)), limit(made.cap));
    }
    for (post, meter) in made.meters.iter().filter_map(|post| Some((post, program.meter(post.meter)?))) {
        text += &format!("; {} counts {}", program.text(meter.id.0), post.amount.display(meter.decimals));
    }
    text.push('.');
    text
}

/// Which limit left less than was asked for.
const fn limit(cap: Option<Cap>) -> &'static str {
    match cap {
        None => "after a cap",
        Some(Cap::Receipt) => "by the most per receipt",
        Some(Cap::Member) => "by the most per member",
        Some(Cap::Budget) => "by what was left of the budget",
        Some(Cap::Stacking) => "because another campaign went first",
    }
}

/// Where the points went: into which lots, with their end, and into paying back debt.
fn gathered(timeline: &Timeline, recorded: &PurchaseRecorded) -> Vec<String> {
    let points = |wallet: WalletId, points: Points| {
        format!("{} {}", points.display(wallet_decimals(timeline, wallet)), timeline.newest().text(wallet.0))
    };
    let lots = recorded.lots.iter().map(|(wallet, lot)| {
        let waits = match lot.terms.available_at {
            Moment::BEGINNING => String::new(),
            Moment::NEVER => ", to be spent once the purchase is confirmed".into(),
            at => format!(", to be spent from {}", rfc3339(at)),
        };
        // Of a wallet that lapses as a whole, a fact of its own says when.
        let stay = if lapses_whole(timeline, *wallet) {
            "came in".into()
        } else {
            format!("stay{}", ending(lot.terms.expires_at))
        };
        format!("{} {stay}{waits}.", points(*wallet, lot.points))
    });
    let repaid = recorded.repaid.iter().map(|(wallet, paid)| format!("{} paid back debt.", points(*wallet, *paid)));
    lots.chain(repaid).collect()
}

fn place(recorded: &PurchaseRecorded, made: &Grant) -> String {
    let line = made.line.and_then(|position| recorded.purchase.lines.get(usize::from(position)));
    line.map(|line| format!(", line {}", line.line_id)).unwrap_or_default()
}

/// The basis, the rate and the rounding: `5 per 1.00 on 1894.00 USD, the result rounded floor`.
fn reckoning(program: &Program, recorded: &PurchaseRecorded, rule: Option<&Rule>, made: &Grant) -> String {
    let rounded = rule.map_or(String::new(), |rule| match rule.rounds {
        Rounds::Amount => format!(", the amount rounded {}", rule.rounding.name()),
        Rounds::Result => format!(", the result rounded {}", rule.rounding.name()),
    });
    let basis = basis(rule, made);
    let counted = match (made.part, rule.map(|rule| &rule.basis)) {
        (Part::TierBonus(tier), _) => format!("{basis} base points for {}", program.text(tier.0)),
        (Part::Base, Some(Basis::Amount)) => money(recorded, basis),
        (Part::Base, Some(Basis::BasePoints)) => format!("{basis} base points"),
        (Part::Base, _) => basis.to_string(),
    };
    format!("{} on {counted}{rounded}", rate(rule, made))
}

fn money(recorded: &PurchaseRecorded, basis: Ratio) -> String {
    let currency = recorded.purchase.currency;
    match basis.denominator {
        1 => format!("{} {}", decimal_text(basis.numerator.into(), currency.decimals()), currency.as_str()),
        _ => format!("{basis} minor units of {}", currency.as_str()),
    }
}
