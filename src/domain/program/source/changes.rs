//! What the next version of a program may not change, because facts already made rest on it.

use super::Flaw;
use crate::domain::program::{Attribute, Meter, Program, Scope, Wallet, Word};

/// What `after` may not change of `before`, as flaws without a place of their own (line 1, column 1).
///
/// The id, zone, currency and base tier stay; wallets and meters stay, with their decimals and windows; attributes
/// stay, with their types (members carry values, and rules of earlier versions still ask for them). Everything else
/// may change or go: a reward too, whose vouchers stay valid, since the register keeps its word.
#[must_use]
pub fn changes_refused(before: &Program, after: &Program) -> Vec<Flaw> {
    let mut changes = Changes { before, after, flaws: Vec::new() };
    changes.head();
    before.wallets.iter().for_each(|wallet| changes.wallet(wallet));
    before.meters.iter().for_each(|meter| changes.meter(meter));
    before.attributes.iter().for_each(|attribute| changes.attribute(attribute));
    changes.flaws
}

struct Changes<'a> {
    before: &'a Program,
    after: &'a Program,
    flaws: Vec<Flaw>,
}

impl Changes<'_> {
    fn flaw(&mut self, path: String, message: String) {
        self.flaws.push(Flaw { line: 1, column: 1, path, message });
    }

    fn same(&mut self, path: &str, before: &str, after: &str) {
        if before != after {
            self.flaw(path.into(), format!("must stay `{before}`, as in version {}", self.before.version));
        }
    }

    fn head(&mut self) {
        let (before, after) = (self.before, self.after);
        self.same("id", &before.id, &after.id);
        self.same("zone", before.zone.name(), after.zone.name());
        self.same("currency", before.currency.as_str(), after.currency.as_str());
        if let Some(base) = before.base_tier() {
            let now = after.base_tier().map_or("", |base| after.text(base.0));
            self.same("ladder.base", before.text(base.0), now);
        }
    }

    fn text(&self, word: Word) -> String {
        self.before.text(word).to_owned()
    }

    fn wallet(&mut self, wallet: &Wallet) {
        let id = self.text(wallet.id.0);
        match self.after.wallet(wallet.id) {
            None => self.flaw(format!("wallets.{id}"), format!("wallet `{id}` must stay: members hold points in it")),
            Some(now) => self.decimals(format!("wallets.{id}.decimals"), wallet.decimals, now.decimals),
        }
    }

    fn meter(&mut self, meter: &Meter) {
        let id = self.text(meter.id.0);
        match self.after.meter(meter.id) {
            None => self.flaw(format!("meters.{id}"), format!("meter `{id}` must stay: members have counts on it")),
            Some(now) => {
                self.decimals(format!("meters.{id}.decimals"), meter.decimals, now.decimals);
                if meter.window != now.window {
                    self.flaw(format!("meters.{id}.window"), format!("the window of meter `{id}` must stay as it is"));
                }
            }
        }
    }

    fn decimals(&mut self, path: String, before: u8, after: u8) {
        if before != after {
            self.flaw(path, format!("must stay {before}: what was counted would change its worth"));
        }
    }

    fn attribute(&mut self, attribute: &Attribute) {
        let id = self.text(attribute.id.0);
        let scope = match attribute.scope {
            Scope::Purchase => "purchase",
            Scope::Line => "line",
            Scope::Member => "member",
        };
        let path = format!("attributes.{scope}.{id}");
        match self.after.attribute(attribute.scope, &id) {
            None => {
                self.flaw(path, format!("attribute `{scope}.{id}` must stay: rules of earlier versions ask for it"));
            }
            Some(now) if now.value_type != attribute.value_type => {
                self.flaw(format!("{path}.type"), format!("the type of `{scope}.{id}` must stay as it is"));
            }
            Some(_) => {}
        }
    }
}
