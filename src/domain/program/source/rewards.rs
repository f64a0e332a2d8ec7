//! The catalog: what points buy, and what conversions cut them into.

use super::benefits;
use super::declared::{Declared, Entry};
use super::head::Head;
use super::sheet::{Node, Table};
use super::terms;
use super::wallets::{Cutting, whole_books};
use crate::domain::calendar::CalendarSpan;
use crate::domain::program::{Conversion, Limit, MeterId, Reward, RewardId, Wallet};
use crate::domain::units::Points;

pub(super) const REWARDS_MAX: usize = 500;
const STOCK_MAX: i64 = 1_000_000_000;

/// Reads `[[reward]]`, whose ids are known already, and looks up what `cuttings` are to become.
pub(super) fn read(
    entries: Vec<Entry<'_>>,
    head: &Head,
    declared: &mut Declared,
    cuttings: Vec<Cutting<'_>>,
) -> Vec<Reward> {
    let ids: Vec<RewardId> = entries.iter().filter_map(|entry| entry.id.map(RewardId)).collect();
    let mut rewards = Vec::new();
    for Entry { table, id } in entries {
        let id = id.map(RewardId);
        let cut = id.is_none_or(|id| is_cut(declared, id, &cuttings));
        rewards.extend(Reader { table: &table, head, declared }.reward(id, cut));
        table.close();
    }
    for cutting in cuttings {
        convert(cutting, declared, &ids, &rewards);
    }
    rewards
}

fn is_cut(declared: &Declared, id: RewardId, cuttings: &[Cutting<'_>]) -> bool {
    let id = declared.register.text(id.0);
    cuttings.iter().any(|cutting| cutting.reward.value().as_str() == Some(id))
}

/// Gives its wallet a conversion, if it names a reward that it can be cut into.
fn convert(cutting: Cutting<'_>, declared: &mut Declared, ids: &[RewardId], rewards: &[Reward]) {
    let node = &cutting.reward;
    let Some(id) = declared.named(node, "reward", ids.iter().map(|id| id.0)).map(RewardId) else { return };
    let Some(reward) = rewards.iter().find(|reward| reward.id == id) else { return };
    if reward.wallet != cutting.wallet {
        let paid_from = declared.register.text(reward.wallet.0);
        node.flaw(format!("this reward belongs to wallet `{paid_from}`"));
    }
    if reward.voucher.is_none() {
        node.flaw("this reward has no voucher, and a conversion cuts nothing else");
    }
    let conversion = cutting.step.zip(cutting.cut).map(|(step, cut)| Conversion { step, reward: id, cut });
    if let Some(wallet) = declared.wallets.iter_mut().find(|wallet| wallet.id == cutting.wallet) {
        wallet.conversion = conversion;
    }
}

/// One `[[reward]]` while it is read.
struct Reader<'a> {
    table: &'a Table<'a>,
    head: &'a Head,
    declared: &'a Declared,
}

impl Reader<'_> {
    /// Every part is read before any is missed, so that all flaws are found.
    fn reward(&self, id: Option<RewardId>, cut: bool) -> Option<Reward> {
        let table = self.table;
        let name = self.declared.name_of(table, id.map(|id| id.0));
        let wallet = table.need("wallet").and_then(|node| self.declared.wallet_named(&node));
        let wallet = self.declared.wallets.iter().find(|known| Some(known.id) == wallet);
        let price = self.price(wallet, cut);
        let tier_price = |node: &Node<'_>| self.points(node, wallet);
        let tier_prices = table.find("tier_prices").map(|node| self.declared.by_tier(&node, tier_price));
        let stock = table.find("stock").and_then(|node| node.integer(0..=STOCK_MAX));
        let limit = table.find("limit").and_then(|node| limit(&node));
        let (from, until) = terms::dates(table, self.head.zone.as_ref(), "an offer");
        let tiers = table.find("tiers").map(|node| self.declared.tiers_listed(&node)).unwrap_or_default();
        let clubs = table.find("clubs").map(|node| self.declared.clubs_listed(&node)).unwrap_or_default();
        let gives = benefits::read(table, self.declared);
        let voucher = table.find("voucher").and_then(|node| voucher(&node));
        let (id, wallet, tier_prices) = (id?, wallet?.id, tier_prices.unwrap_or_default());
        Some(Reward { id, name, wallet, price, tier_prices, stock, limit, from, until, tiers, clubs, gives, voucher })
    }

    fn price(&self, wallet: Option<&Wallet>, cut: bool) -> Option<Points> {
        match (self.table.find("price"), cut) {
            (Some(node), _) => self.points(&node, wallet),
            (None, false) => {
                self.table.flaw("`price` is missing; only a reward that a conversion cuts has none");
                None
            }
            (None, true) => {
                let instead = self.table.find("tier_prices");
                instead.and_then(|node| node.refuse("prices by tier stand in for a `price`, and there is none"))
            }
        }
    }

    fn points(&self, node: &Node<'_>, wallet: Option<&Wallet>) -> Option<Points> {
        let decimals = wallet.and_then(|wallet| self.declared.sound_decimals(wallet.id.0, wallet.decimals));
        let points = terms::points(node, decimals)?;
        whole_books(node, points, wallet?).then_some(points)
    }
}

/// How many one member may have; the word of the hidden meter is given later.
fn limit(node: &Node<'_>) -> Option<Limit> {
    let table = node.table()?;
    let times = table.need("times").and_then(|node| node.integer(1..=STOCK_MAX));
    let window = table.need("window").and_then(|node| terms::window(&node));
    table.close();
    Some(Limit { times: times?, window: window?, meter: MeterId::default() })
}

fn voucher(node: &Node<'_>) -> Option<Option<CalendarSpan>> {
    if let Some(given) = node.value().as_bool() {
        return given.then_some(None);
    }
    let Some(table) = node.value().as_table().and_then(|_| node.table()) else {
        return node.refuse("a voucher is `true` or `{ valid = \"30d\" }`");
    };
    let valid = table.need("valid").and_then(|node| terms::span(&node));
    table.close();
    Some(valid)
}
