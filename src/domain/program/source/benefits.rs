//! What milestones, options and rewards give: the items of a `gives`. What was named there is noted, so that
//! `soundness.rs` can tell what nobody gets.

use super::declared::Declared;
use super::privileges::USES_MAX;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::program::{Benefit, ClubId, Lasts, MeterId, PrivilegeId, RuleId, TierId, WalletId};
use crate::domain::units::Points;

const BENEFITS_MAX: usize = 32;
const SUBJECTS: [&str; 6] = ["wallet", "meter", "privilege", "club", "tier", "boost"];
const DETAILS: &[&str] = &["points", "count", "uses", "lasts"];
const FORM: &str = "a benefit is one of `{ wallet, points }`, `{ meter, count }`, `{ privilege, uses }`, \
                    `{ club, lasts }`, `{ tier }` and `{ boost }`";

/// What some `gives` or a gift named, and what rules feed.
#[derive(Default)]
pub(super) struct Given {
    /// Wallets in which an earning rule grants base points.
    pub wallets: Vec<WalletId>,
    /// Meters that a rule or a campaign counts on, and of those that an earning rule does.
    pub meters: Vec<MeterId>,
    pub base_meters: Vec<MeterId>,
    /// Meters on which some `gives` counts.
    pub counts: Vec<MeterId>,
    /// Meters that count the validities of tiers.
    pub years: Vec<MeterId>,
    /// Whether there is an earning rule at all. A file without one says nothing of what is counted.
    pub earns: bool,
    pub clubs: Vec<ClubId>,
    pub privileges: Vec<PrivilegeId>,
    pub boosts: Vec<RuleId>,
    pub tiers: Vec<TierId>,
    /// Something was meant that could not be read, so that nobody knows what is not given.
    pub unsure: bool,
    /// A rule or a tier could not be read, so that nobody knows all that it does to what it names.
    pub unread: bool,
}

/// The items of `gives`, if the table has any.
pub(super) fn read(table: &Table<'_>, declared: &Declared) -> Vec<Benefit> {
    let Some(node) = table.find("gives") else { return Vec::new() };
    let written = node.list();
    if written.len() > BENEFITS_MAX {
        node.flaw(format!("at most {BENEFITS_MAX} of these"));
    }
    let benefits: Vec<_> = written.iter().take(BENEFITS_MAX).map(|node| benefit(node, declared)).collect();
    let unread = benefits.iter().any(Option::is_none) || !node.value().is_array();
    declared.given.borrow_mut().unsure |= unread;
    benefits.into_iter().flatten().collect()
}

fn benefit(node: &Node<'_>, declared: &Declared) -> Option<Benefit> {
    let table = node.table()?;
    let found: Vec<_> = SUBJECTS.into_iter().filter_map(|key| Some((key, table.find(key)?))).collect();
    let read = match found.as_slice() {
        [(key, subject)] => Reader { table: &table, declared }.benefit(key, subject),
        _ => {
            table.pass(DETAILS);
            node.refuse(FORM)
        }
    };
    table.close();
    read
}

/// One item while it is read.
struct Reader<'a> {
    table: &'a Table<'a>,
    declared: &'a Declared,
}

impl Reader<'_> {
    fn benefit(&self, key: &str, subject: &Node<'_>) -> Option<Benefit> {
        match key {
            "wallet" => self.points(subject),
            "meter" => self.count(subject),
            "privilege" => self.uses(subject),
            "club" => self.membership(subject),
            "tier" => self.tier(subject),
            _ => self.boost(subject),
        }
    }

    fn points(&self, subject: &Node<'_>) -> Option<Benefit> {
        let wallet = self.declared.wallet_named(subject);
        let decimals = self.declared.wallets.iter().find(|known| Some(known.id) == wallet).map(|known| known.decimals);
        let points = self.amount("points", wallet.map(|id| id.0).zip(decimals));
        Some(Benefit::Points(wallet?, points?))
    }

    fn count(&self, subject: &Node<'_>) -> Option<Benefit> {
        let meter = self.declared.meter_named(subject);
        let decimals = self.declared.meters.iter().find(|known| Some(known.id) == meter).map(|known| known.decimals);
        self.declared.given.borrow_mut().counts.extend(meter);
        let count = self.amount("count", meter.map(|id| id.0).zip(decimals));
        Some(Benefit::Count(meter?, count?))
    }

    fn amount(&self, key: &'static str, of: Option<(crate::domain::program::Word, u8)>) -> Option<Points> {
        let node = self.table.need(key)?;
        terms::points(&node, of.and_then(|(word, decimals)| self.declared.sound_decimals(word, decimals)))
    }

    fn uses(&self, subject: &Node<'_>) -> Option<Benefit> {
        let privilege = self.declared.privilege_named(subject);
        let lasts = self.lasts(Lasts::Forever);
        let is_counted = privilege.and_then(|(_, is_counted)| is_counted);
        let uses = match (self.table.find("uses"), is_counted) {
            (Some(node), Some(false)) => node.refuse("no uses of this privilege are counted; leave `uses` out"),
            (Some(node), _) => node.integer(1..=USES_MAX),
            (None, Some(false)) => Some(1),
            (None, _) => self.table.need("uses").and(None),
        };
        let (privilege, _) = privilege?;
        self.declared.given.borrow_mut().privileges.push(privilege);
        Some(Benefit::Uses(privilege, u32::try_from(uses?).ok()?, lasts?))
    }

    fn membership(&self, subject: &Node<'_>) -> Option<Benefit> {
        let club = self.declared.club_named(subject);
        let lasts = self.table.need("lasts").and_then(|node| terms::span(&node));
        self.declared.given.borrow_mut().clubs.extend(club);
        Some(Benefit::Membership(club?, lasts?))
    }

    fn tier(&self, subject: &Node<'_>) -> Option<Benefit> {
        let tier = self.declared.tier_given(subject);
        let lasts = self.lasts(Lasts::Validity);
        self.declared.given.borrow_mut().tiers.extend(tier);
        Some(Benefit::Tier(tier?, lasts?))
    }

    fn boost(&self, subject: &Node<'_>) -> Option<Benefit> {
        let boost = self.declared.boost_named(subject)?;
        self.declared.given.borrow_mut().boosts.push(boost);
        Some(Benefit::Boost(boost))
    }

    fn lasts(&self, otherwise: Lasts) -> Option<Lasts> {
        self.table.find("lasts").map_or(Some(otherwise), |node| how_long(&node, self.declared))
    }
}

/// How long something can be used: a span, or one of a few words.
pub(super) fn how_long(node: &Node<'_>, declared: &Declared) -> Option<Lasts> {
    let lasts = match node.text()? {
        written if written.starts_with(|first: char| first.is_ascii_digit()) => terms::span(node).map(Lasts::Span),
        _ => node.choice(&[("validity", Lasts::Validity), ("window", Lasts::Window), ("forever", Lasts::Forever)]),
    };
    if lasts == Some(Lasts::Validity) && declared.tiers.is_empty() {
        return node.refuse("there is no `[ladder]`, so no validity either; write a span or `forever`");
    }
    lasts
}
