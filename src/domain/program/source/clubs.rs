//! Clubs: who may come in, for how long and for what fee. Their ids are known before rules are read, whose conditions
//! may ask for them; the rest is read once wallets and the ladder are.

use super::declared::{Declared, Entry};
use super::head::Head;
use super::sheet::{Node, Table};
use super::terms;
use super::wallets::whole_books;
use crate::domain::program::condition::{Condition, Place};
use crate::domain::program::{Club, ClubId, Door, Fee, SegmentId, Wallet};
use crate::domain::units::{CurrencyCode, Points, parse_decimal};

pub(super) const CLUBS_MAX: usize = 100;
const CAPACITY_MAX: i64 = 1_000_000_000;

/// Reads the clubs whose ids are known already.
pub(super) fn read(entries: Vec<Entry<'_>>, head: &Head, declared: &Declared) -> Vec<Club> {
    let mut clubs = Vec::new();
    for Entry { table, id } in entries {
        clubs.extend(Reader { table: &table, head, declared }.club(id.map(ClubId)));
        table.close();
    }
    clubs
}

/// One `[[club]]` while it is read.
struct Reader<'a> {
    table: &'a Table<'a>,
    head: &'a Head,
    declared: &'a Declared,
}

impl Reader<'_> {
    /// Every part is read before any is missed, so that all flaws are found.
    fn club(&self, id: Option<ClubId>) -> Option<Club> {
        let table = self.table;
        let name = self.declared.name_of(table, id.map(|id| id.0));
        let door = table.need("door").and_then(|node| door(&node));
        let condition = self.condition(door);
        let segments = table.find("segments").map(|node| self.segments(&node, door)).unwrap_or_default();
        let term = table.find("term").and_then(|node| terms::span(&node));
        let fee = table.find("fee").and_then(|node| self.fee(&node));
        let capacity = table.find("capacity").and_then(|node| node.integer(1..=CAPACITY_MAX));
        let (from, until) = terms::dates(table, self.head.zone.as_ref(), "a club");
        Some(Club { id: id?, name, door: door?, condition, segments, term, fee, capacity, from, until })
    }

    fn condition(&self, door: Option<Door>) -> Option<Condition> {
        let Some(node) = self.table.find("condition") else {
            if door == Some(Door::Condition) {
                self.table.flaw("`condition` is missing; it is what this door asks");
            }
            return None;
        };
        terms::possible(&node, &self.declared.names(Place::Member, self.head))
    }

    /// Who comes in by a segment needs no word of her own, so the door must be one that she does not knock at.
    fn segments(&self, node: &Node<'_>, door: Option<Door>) -> Vec<SegmentId> {
        if matches!(door, Some(Door::Open | Door::Approval)) {
            node.flaw("segments are let in by the doors `{ invitation = … }` and `\"condition\"` only");
        }
        self.declared.segments_listed(node)
    }

    fn fee(&self, node: &Node<'_>) -> Option<Fee> {
        let table = node.table()?;
        let wallet = table.find("wallet").map(|node| self.declared.wallet_named(&node));
        let (in_points, wallet) = (wallet.is_some(), self.wallet(wallet.flatten()));
        let price = Price { head: self.head, declared: self.declared, in_points, wallet };
        let first = table.need("amount").and_then(|node| price.read(&node, 1));
        let by_tier = table.find("by_tier").map(|node| self.declared.by_tier(&node, |node| price.read(node, 0)));
        let renewal = table.find("renewal").and_then(|node| self.renewal(node)).and_then(|node| price.read(&node, 0));
        table.close();
        Some(Fee {
            wallet: price.wallet.map(|wallet| wallet.id),
            amount: first?,
            by_tier: by_tier.unwrap_or_default(),
            renewal,
        })
    }

    fn wallet(&self, id: Option<crate::domain::program::WalletId>) -> Option<&Wallet> {
        self.declared.wallets.iter().find(|wallet| Some(wallet.id) == id)
    }

    /// What is paid to go on, where there is something to go on from.
    fn renewal<'a>(&self, node: Node<'a>) -> Option<Node<'a>> {
        match self.table.find("term") {
            Some(_) => Some(node),
            None => node.refuse("without a `term` a fee is paid once; give the club one or leave `renewal` out"),
        }
    }
}

/// What amounts of a fee are written in.
struct Price<'a> {
    head: &'a Head,
    declared: &'a Declared,
    /// Points of a wallet, or money in the program's currency.
    in_points: bool,
    /// The wallet, where its name is known.
    wallet: Option<&'a Wallet>,
}

impl Price<'_> {
    /// Points of the wallet, or money; at least so many smallest units. A tier may pay nothing.
    fn read(&self, node: &Node<'_>, least: i64) -> Option<Points> {
        let (what, decimals) = match (self.in_points, self.wallet) {
            (true, wallet) => ("points", wallet.and_then(|w| self.declared.sound_decimals(w.id.0, w.decimals))),
            (false, _) => ("money", self.head.currency.map(CurrencyCode::decimals)),
        };
        let written = terms::decimal(node)?;
        let units = parse_decimal(&written, decimals.unwrap_or_else(|| terms::decimals_written(&written)));
        let Some(units) = units.filter(|units| *units >= least) else {
            let bound = if least > 0 { "above 0" } else { "of 0 or more" };
            let most = decimals.map(|decimals| format!(" with at most {decimals} decimals")).unwrap_or_default();
            return node.refuse(format!("a fee is {what} {bound}{most}, such as `850`"));
        };
        decimals?;
        let whole = self.wallet.is_none_or(|wallet| whole_books(node, Points(units), wallet));
        whole.then_some(Points(units))
    }
}

fn door(node: &Node<'_>) -> Option<Door> {
    if node.value().is_str() {
        return node.choice(&[("open", Door::Open), ("condition", Door::Condition), ("approval", Door::Approval)]);
    }
    let Some(table) = node.value().as_table().and_then(|_| node.table()) else {
        return node.refuse("a door is `\"open\"`, `\"condition\"`, `\"approval\"` or `{ invitation = \"30d\" }`");
    };
    let stands = table.need("invitation").and_then(|node| terms::span(&node));
    table.close();
    stands.map(Door::Invitation)
}
