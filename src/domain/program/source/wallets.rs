//! What a wallet promises about its points: when they end, when they can be spent, what they are cut into and what
//! they are worth. Read after the ladder, since wallets name tiers; the rewards they name are looked up later.

use super::declared::{Declared, WALLETS_MAX};
use super::head::Head;
use super::rate;
use super::sheet::{Node, Table};
use super::terms;
use crate::domain::calendar::MonthDay;
use crate::domain::program::{Cut, Debt, Expiry, Pending, Valuation, Wallet, WalletId, Word};
use crate::domain::units::{CurrencyCode, Points, Ratio, parse_decimal};

/// How many decimals the money value of a point may have.
const VALUE_DECIMALS_MAX: u8 = 9;

const DEBTS: &[(&str, Debt)] =
    &[("negative", Debt::Negative), ("next_earnings", Debt::NextEarnings), ("write_off", Debt::WriteOff)];

/// A wallet that promises nothing beyond its points.
pub(super) const fn plain(id: WalletId, name: Box<str>, decimals: u8) -> Wallet {
    Wallet {
        id,
        name,
        decimals,
        expiry: Expiry::Never,
        keeps: Vec::new(),
        pending: Pending::No,
        notice: None,
        debt: Debt::Negative,
        grace: None,
        head_start: Points::ZERO,
        book: None,
        transferable: false,
        conversion: None,
        valuation: None,
    }
}

/// A conversion whose reward is not looked up yet; parts are absent where they are flawed.
pub(super) struct Cutting<'a> {
    pub wallet: WalletId,
    pub step: Option<Points>,
    pub cut: Option<Cut>,
    pub reward: Node<'a>,
}

/// Reads the policies of every declared wallet, and gives the conversions they hold.
pub(super) fn read<'a>(table: &Table<'a>, head: &Head, declared: &mut Declared) -> Vec<Cutting<'a>> {
    let node = table.find("wallets").filter(|node| node.value().is_table());
    let entries = node.and_then(|node| node.table()).map(|table| table.entries()).unwrap_or_default();
    let mut cuttings = Vec::new();
    for (node, id, _) in entries.iter().take(WALLETS_MAX).filter(|(node, _, _)| node.value().is_table()) {
        let (Some(table), Some(word)) = (node.table(), declared.register.word(id)) else { continue };
        cuttings.extend(policies(table, head, declared, word));
    }
    cuttings
}

fn policies<'a>(table: Table<'a>, head: &Head, declared: &mut Declared, word: Word) -> Option<Cutting<'a>> {
    table.pass(&["name", "decimals"]);
    let known = declared.wallets.iter().find(|wallet| wallet.id.0 == word)?;
    let decimals = declared.sound_decimals(word, known.decimals);
    let wallet = Reader { table: &table, head, declared, decimals }.wallet(known.clone());
    let conversion = table.find("conversion").and_then(|node| node.table());
    let cutting = conversion.and_then(|conversion| cutting(conversion, &wallet, decimals));
    table.close();
    if let Some(known) = declared.wallets.iter_mut().find(|known| known.id == wallet.id) {
        *known = wallet;
    }
    cutting
}

/// One `[wallets.…]` while it is read.
struct Reader<'a> {
    table: &'a Table<'a>,
    head: &'a Head,
    declared: &'a Declared,
    decimals: Option<u8>,
}

impl Reader<'_> {
    fn wallet(&self, plain: Wallet) -> Wallet {
        let table = self.table;
        let expiry = table.find("expiry").map_or(Some(Expiry::Never), |node| expiry(&node));
        let ending = |key| self.of_what_ends(key, expiry);
        Wallet {
            keeps: ending("keeps").map(|node| self.declared.tiers_listed(&node)).unwrap_or_default(),
            notice: ending("notice").and_then(|node| terms::span(&node)),
            grace: ending("grace").and_then(|node| terms::span(&node)),
            expiry: expiry.unwrap_or(Expiry::Never),
            pending: table.find("pending").and_then(|node| pending(&node)).unwrap_or(Pending::No),
            debt: table.find("debt").and_then(|node| node.choice(DEBTS)).unwrap_or(Debt::Negative),
            head_start: self.points("head_start").unwrap_or(Points::ZERO),
            book: self.points("book"),
            transferable: table.find("transferable").and_then(|node| node.truth()).unwrap_or(false),
            valuation: table.find("valuation").and_then(|node| self.valuation(&node)),
            ..plain
        }
    }

    fn points(&self, key: &'static str) -> Option<Points> {
        self.table.find(key).and_then(|node| terms::points(&node, self.decimals))
    }

    /// A key that only makes sense where points end.
    fn of_what_ends(&self, key: &'static str, expiry: Option<Expiry>) -> Option<Node<'_>> {
        let node = self.table.find(key)?;
        if expiry == Some(Expiry::Never) {
            return node.refuse("the points of this wallet never end; give it an `expiry`");
        }
        Some(node)
    }

    fn valuation(&self, node: &Node<'_>) -> Option<Valuation> {
        let table = node.table()?;
        let (currency, decimals) = (self.head.currency, self.decimals);
        let minor_units = table.need("value").and_then(|node| value(&node, currency, decimals));
        let expected = table.need("expected").and_then(|node| expected(&node));
        let round_to = table.find("round_to").map_or(Some(1), |node| round_to(&node, currency));
        table.close();
        Some(Valuation { minor_units: minor_units?, expected: expected?, round_to: round_to? })
    }
}

fn expiry(node: &Node<'_>) -> Option<Expiry> {
    if node.value().is_str() {
        return node.choice(&[("never", Expiry::Never)]);
    }
    let table = node.table()?;
    let expiry = match (table.find("after"), table.find("inactive"), table.find("yearly")) {
        (Some(after), None, None) => after_span(&table, &after),
        (None, Some(inactive), None) => terms::span(&inactive).map(Expiry::Inactive),
        (None, None, Some(yearly)) => each_year(&table, &yearly),
        _ => node.refuse(
            "an expiry is `\"never\"`, `{ after = \"6mo\" }`, `{ inactive = \"24mo\" }` or `{ yearly = \"12-31\" }`",
        ),
    };
    table.close();
    expiry
}

fn after_span(table: &Table<'_>, after: &Node<'_>) -> Option<Expiry> {
    let end_of_month = table.find("end_of_month").map_or(Some(false), |node| node.truth());
    Some(Expiry::After { span: terms::span(after)?, end_of_month: end_of_month? })
}

fn each_year(table: &Table<'_>, yearly: &Node<'_>) -> Option<Expiry> {
    let years_after = table.find("years_after").map_or(Some(0), |node| node.integer(0..=10));
    let through = terms::month_day(yearly);
    Some(Expiry::Yearly { through: through?, years_after: i16::try_from(years_after?).ok()? })
}

fn pending(node: &Node<'_>) -> Option<Pending> {
    match node.text()? {
        "until_confirmed" => Some(Pending::UntilConfirmed),
        written if written.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            node.choice(&[("until_confirmed", Pending::UntilConfirmed)])
        }
        _ => terms::span(node).map(Pending::For),
    }
}

/// Minor units of money for one smallest unit of the wallet; none where the currency or the decimals are flawed.
fn value(node: &Node<'_>, currency: Option<CurrencyCode>, decimals: Option<u8>) -> Option<Ratio> {
    let written = terms::decimal(node)?;
    let billionths = parse_decimal(&written, VALUE_DECIMALS_MAX).filter(|value| *value > 0).map(i128::from);
    let whole = 10_i128.pow(VALUE_DECIMALS_MAX.into()) * 10_i128.pow(decimals.unwrap_or(0).into());
    let cents = 10_i128.pow(currency.map_or(0, CurrencyCode::decimals).into());
    let minor = |value: i128| value.checked_mul(cents);
    let value = billionths
        .and_then(|value| Ratio::new(minor(value)?, whole))
        .or_else(|| node.refuse("the value of a point is money above 0 with at most 9 decimals, such as `0.01`"));
    value.filter(|_| currency.is_some() && decimals.is_some())
}

fn expected(node: &Node<'_>) -> Option<Ratio> {
    let share = rate::share(node.text()?.trim());
    share
        .filter(|share| share.numerator > 0 && share.numerator <= share.denominator)
        .or_else(|| node.refuse("the share expected to be redeemed is above 0 and at most 100 %, such as `95%`"))
}

fn round_to(node: &Node<'_>, currency: Option<CurrencyCode>) -> Option<i64> {
    let written = terms::decimal(node)?;
    let decimals = currency.map_or_else(|| terms::decimals_written(&written), CurrencyCode::decimals);
    let minor_units = parse_decimal(&written, decimals).filter(|units| *units > 0);
    let minor_units = minor_units.or_else(|| {
        let most = currency.map(|_| format!(" with at most {decimals} decimals")).unwrap_or_default();
        node.refuse(format!("an amount of money above 0{most}, such as `1`"))
    });
    minor_units.filter(|_| currency.is_some())
}

fn cutting<'a>(table: Table<'a>, wallet: &Wallet, decimals: Option<u8>) -> Option<Cutting<'a>> {
    let step = table.need("step").and_then(|node| {
        let step = terms::points(&node, decimals)?;
        whole_books(&node, step, wallet).then_some(step)
    });
    let cut = table.find("on").map_or(Some(Cut::AtOnce), |node| days(&node).map(Cut::On));
    let reward = table.need("reward");
    table.close();
    Some(Cutting { wallet: wallet.id, step, cut, reward: reward? })
}

/// Whether points are whole books of their wallet; says so if not.
pub(super) fn whole_books(node: &Node<'_>, points: Points, wallet: &Wallet) -> bool {
    let Some(book) = wallet.book else { return true };
    let whole = points.0.checked_rem(book.0) == Some(0);
    if !whole {
        let book = book.display(wallet.decimals);
        node.flaw(format!("`{}` is spent in whole books of {book}; this must be a multiple of that", wallet.name));
    }
    whole
}

fn days(list: &Node<'_>) -> Option<Vec<MonthDay>> {
    let written = list.list();
    let mut days: Vec<MonthDay> = Vec::new();
    for node in &written {
        match terms::month_day(node) {
            Some(day) if days.contains(&day) => node.flaw("this day is listed twice"),
            Some(day) => days.push(day),
            None => {}
        }
    }
    if written.is_empty() && list.value().is_array() {
        list.flaw("no day at all; leave `on` out to cut at once");
    }
    days.sort_by_key(|day| (day.month, day.day));
    (!days.is_empty()).then_some(days)
}
