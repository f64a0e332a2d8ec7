//! Privileges: what tiers, clubs and segments give. Whether somebody gets one at all is asked in `soundness.rs`, once everything
//! that could give it is read.

use super::declared::{Declared, Entry};
use super::rate;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::program::{
    ClubId, Gift, MeterId, Privilege, PrivilegeId, PrivilegeKind, SegmentId, TierId, Window, Worth,
};

const PRIVILEGES_MAX: usize = 200;
const COMPANIONS_MAX: i64 = 100;
/// The most uses that are given at once.
pub(super) const USES_MAX: i64 = 1_000_000;

/// Reads `[[privilege]]`; what gives uses of them asks [`Declared`] for their kinds.
pub(super) fn read(table: &Table<'_>, declared: &mut Declared) -> Vec<Privilege> {
    let mut privileges = Vec::new();
    for Entry { table, id } in declared.entries(table, "privilege", PRIVILEGES_MAX) {
        let kind = table.need("kind").and_then(|node| kind(&node));
        let id = id.map(PrivilegeId);
        declared.privileges.extend(id.map(|id| (id, kind.map(Sort::is_counted))));
        privileges.extend(Reader { table: &table, declared }.privilege(id, kind));
        table.close();
    }
    privileges
}

/// A privilege's kind before its gift is read.
#[derive(Clone, Copy)]
enum Sort {
    Flag,
    Percent,
    Code,
    Opening,
    Quota(Window),
}

impl Sort {
    const fn is_counted(self) -> bool {
        matches!(self, Self::Quota(_))
    }
}

fn kind(node: &Node<'_>) -> Option<Sort> {
    if node.value().is_str() {
        let words =
            [("flag", Sort::Flag), ("percent", Sort::Percent), ("code", Sort::Code), ("opening", Sort::Opening)];
        return node.choice(&words);
    }
    let Some(table) = node.value().as_table().and_then(|_| node.table()) else {
        return node
            .refuse("a kind is `\"flag\"`, `\"percent\"`, `\"code\"`, `\"opening\"` or `{ quota = \"lifetime\" }`");
    };
    let window = table.need("quota").and_then(|node| terms::window(&node));
    table.close();
    window.map(Sort::Quota)
}

/// One `[[privilege]]` while it is read.
struct Reader<'a> {
    table: &'a Table<'a>,
    declared: &'a Declared,
}

impl Reader<'_> {
    /// Every part is read before any is missed, so that all flaws are found.
    fn privilege(&self, id: Option<PrivilegeId>, kind: Option<Sort>) -> Option<Privilege> {
        let table = self.table;
        let name = self.declared.name_of(table, id.map(|id| id.0));
        let by_tier = table.find("tiers").map(|node| self.tiers(&node, kind)).unwrap_or_default();
        let by_club = table.find("clubs").map(|node| self.clubs(&node, kind)).unwrap_or_default();
        let by_segment = table.find("segments").map(|node| self.segments(&node, kind)).unwrap_or_default();
        let companions = table.find("companions").and_then(|node| node.integer(0..=COMPANIONS_MAX)).unwrap_or(0);
        let gift = table.find("gift").and_then(|node| self.gift(&node, kind));
        let given = table.find("given").map(|node| given(&node, kind));
        let kind = match kind? {
            Sort::Flag => PrivilegeKind::Flag,
            Sort::Percent => PrivilegeKind::Percent,
            Sort::Code => PrivilegeKind::Code,
            Sort::Opening => PrivilegeKind::Opening,
            Sort::Quota(window) => PrivilegeKind::Quota { window, used: MeterId::default(), gift },
        };
        let companions = u32::try_from(companions).unwrap_or_default();
        let given = match (given, kind) {
            (Some(given), _) => Some(given?),
            (None, PrivilegeKind::Flag) => Some(Worth::Had),
            (None, _) => None,
        };
        Some(Privilege { id: id?, name, kind, by_tier, by_club, by_segment, given, companions })
    }

    fn tiers(&self, node: &Node<'_>, kind: Option<Sort>) -> Vec<(TierId, Worth)> {
        match kind {
            None => Vec::new(),
            Some(Sort::Flag) => had(self.declared.tiers_listed(node)),
            Some(kind) => self.declared.by_tier(node, |node| worth(node, kind)),
        }
    }

    fn clubs(&self, node: &Node<'_>, kind: Option<Sort>) -> Vec<(ClubId, Worth)> {
        match kind {
            None => Vec::new(),
            Some(Sort::Flag) => had(self.declared.clubs_listed(node)),
            Some(kind) => self.declared.by_club(node, |node| worth(node, kind)),
        }
    }

    fn segments(&self, node: &Node<'_>, kind: Option<Sort>) -> Vec<(SegmentId, Worth)> {
        match kind {
            None => Vec::new(),
            Some(Sort::Flag) => had(self.declared.segments_listed(node)),
            Some(kind) => self.declared.by_segment(node, |node| worth(node, kind)),
        }
    }

    fn gift(&self, node: &Node<'_>, kind: Option<Sort>) -> Option<Gift> {
        if kind.is_some_and(|kind| !kind.is_counted()) {
            return node.refuse("only uses can be a present; a `gift` needs `kind = { quota = … }`");
        }
        let table = node.table()?;
        let tier = table.need("tier").and_then(|node| self.declared.tier_given(&node));
        let lasts = table.find("lasts").map(|node| terms::span(&node));
        self.declared.given.borrow_mut().tiers.extend(tier);
        table.close();
        Some(Gift { tier: tier?, lasts: lasts.flatten() })
    }
}

/// What it is worth to whom a milestone gives it.
fn given(node: &Node<'_>, kind: Option<Sort>) -> Option<Worth> {
    match kind? {
        Sort::Flag => node.refuse("a flag is simply had; leave `given` out"),
        Sort::Quota(_) => node.refuse("uses are given by number, where they are given; leave `given` out"),
        kind => worth(node, kind),
    }
}

fn had<T>(listed: Vec<T>) -> Vec<(T, Worth)> {
    listed.into_iter().map(|one| (one, Worth::Had)).collect()
}

fn worth(node: &Node<'_>, kind: Sort) -> Option<Worth> {
    match kind {
        Sort::Flag => Some(Worth::Had),
        Sort::Percent => percent(node),
        Sort::Code => code(node),
        Sort::Opening => terms::lead(node).map(Worth::Before),
        Sort::Quota(_) => node.integer(1..=USES_MAX).and_then(|uses| u32::try_from(uses).ok()).map(Worth::Uses),
    }
}

fn percent(node: &Node<'_>) -> Option<Worth> {
    let share = rate::share(node.text()?.trim()).filter(|share| share.numerator > 0);
    let share = share.filter(|share| share.numerator <= share.denominator);
    share.map(Worth::Share).or_else(|| node.refuse("a share is above 0 and at most 100 %, such as `40%`"))
}

fn code(node: &Node<'_>) -> Option<Worth> {
    let code = node.text()?;
    let sound = !code.trim().is_empty() && code.chars().count() <= 64 && !code.chars().any(char::is_control);
    if sound {
        Some(Worth::Code(code.into()))
    } else {
        node.refuse("a code has 1 to 64 characters and no control characters")
    }
}
