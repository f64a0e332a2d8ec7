//! The numbers under the pictures, as tables.

use maud::{Markup, html};

use super::figures::{Cell, Forecast, Group, Points, Report, Spread, Standpoint, Tiers, Wallet};
use super::words::{count, decimal, money, percent_exactly as percent};

/// Every how many points of the Lorenz curve one is told.
const LORENZ_STEP: usize = 5;

/// A table with a caption, column heads and rows, whose first cell names the row.
fn table(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        table {
            caption { span { (caption) } }
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody {
                @for row in rows {
                    tr {
                        @for (at, cell) in row.iter().enumerate() {
                            @if at == 0 { th scope="row" class=[word(cell)] { (cell) } } @else { td { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

/// The class of a row's name that is one short word, such as a day: it is not broken at its hyphens.
fn word(name: &str) -> Option<&'static str> {
    (name.len() <= "1997-12-31".len() && !name.contains(char::is_whitespace)).then_some("word")
}

/// The best, the fewest for most of it, and the classes.
pub fn top(spread: &Spread, currency: &str) -> Markup {
    let row = |name: &str, group: &Group| {
        let Group { customers, share_of_customers, revenue, share_of_revenue } = group;
        let (customers, of_all) = (count(*customers), percent(share_of_customers));
        vec![name.to_owned(), customers, of_all, money(*revenue, currency), percent(share_of_revenue)]
    };
    let tops = ["best 1%", "best 5%", "best 10%", "best 20%"].into_iter().zip(&spread.top);
    let mut rows: Vec<Vec<String>> = tops.map(|(name, group)| row(name, group)).collect();
    rows.push(row("fewest for 80%", &spread.for_most));
    rows.extend(
        ["A, until 80%", "B, until 95%", "C"].into_iter().zip(&spread.abc).map(|(name, group)| row(name, group)),
    );
    let caption = format!(
        "{} customers, {} of them bought anything in these days; Gini coefficient {}",
        count(spread.customers),
        count(spread.buyers),
        spread.gini,
    );
    table(&caption, &["Who", "Customers", "of all", "Revenue", "of all"], &rows)
}

/// The Lorenz curve.
pub fn lorenz(spread: &Spread, currency: &str) -> Markup {
    let rows = spread.lorenz.iter().step_by(LORENZ_STEP).map(|point| {
        let (of_customers, of_revenue) = (percent(&point.share_of_customers), percent(&point.share_of_revenue));
        vec![of_customers, count(point.customers), money(point.revenue, currency), of_revenue]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    table("The Lorenz curve, the smallest customers first", &["The lower", "Customers", "Revenue", "of all"], &rows)
}

/// Concentration over time.
pub fn over_time(rows: &[Standpoint], currency: &str) -> Markup {
    let row = |row: &Standpoint| {
        let (first, last) = (row.first_day.clone(), row.last_day.clone());
        let shares = [&row.share_of_best_20, &row.share_of_best_1, &row.buyers_for_most].map(|share| percent(share));
        let [best_20, best_1, for_most] = shares;
        vec![last, first, count(row.buyers), money(row.revenue, currency), best_20, best_1, for_most]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(row).collect();
    let heads = ["Until", "From", "Buyers", "Revenue", "Best 20%", "Best 1%", "Buyers for 80%"];
    table("What the best of those brought who bought in the twelve months up to each day", &heads, &rows)
}

/// What became of the best.
pub fn best(report: &Report) -> Markup {
    let best = &report.best;
    let row = |name: &str, number: String| vec![name.to_owned(), number];
    let rows = [
        row("the best 20% before, who brought anything", count(best.group.customers)),
        row("their revenue", money(best.group.revenue, &report.currency)),
        row("all revenue before", money(best.before.revenue, &report.currency)),
        row("their share of it", percent(&best.group.share_of_revenue)),
        row("days before", count(best.before.days)),
        row("bought again", count(best.still_buying)),
        row("their revenue then", money(best.then.revenue, &report.currency)),
        row("all revenue then", money(best.after.revenue, &report.currency)),
        row("their share of it then", percent(&best.then.share_of_revenue)),
        row("days then", count(best.after.days)),
        row("the others before, who brought anything", count(best.others)),
        row("others who bought again", count(best.others_still_buying)),
        row("among the best 20% again", count(best.stayed)),
        row("no more among the best", count(best.left)),
        row("new among the best", count(best.entered)),
    ];
    let caption =
        format!("The best from {} on before {}, followed to {}", report.first_day, report.then_from, report.last_day,);
    table(&caption, &["What", "Number"], &rows)
}

/// Members by tier.
pub fn tiers(tiers: &Tiers) -> Markup {
    let row = |tier: &super::figures::TierCount| vec![tier.name.clone(), count(tier.before), count(tier.after)];
    let rows: Vec<Vec<String>> = tiers.counts.iter().map(row).collect();
    table("Members by tier", &["Tier", &tiers.before_day, &tiers.after_day], &rows)
}

/// Ways between tiers.
pub fn flows(tiers: &Tiers) -> Markup {
    let name = |tier: &str, none: &str| {
        let known = tiers.counts.iter().find(|count| count.tier == tier);
        known.map_or_else(|| none.to_owned(), |count| count.name.clone())
    };
    let rows = tiers
        .flows
        .iter()
        .map(|flow| vec![name(&flow.from, "no member yet"), name(&flow.to, "closed"), count(flow.members)]);
    let rows: Vec<Vec<String>> = rows.collect();
    let caption = format!("Who went from where to where between {} and {}", tiers.before_day, tiers.after_day);
    let on = |day: &str| if day == "today" { "Today".to_owned() } else { format!("On {day}") };
    let (before, after) = (on(&tiers.before_day), on(&tiers.after_day));
    table(&caption, &[&before, &after, "Members"], &rows)
}

/// All cells of recency, frequency and money, the best first.
pub fn rfm(cells: &[Cell], currency: &str) -> Markup {
    let row = |cell: &Cell| {
        let scores = [cell.recency, cell.frequency, cell.money].map(|score| score.to_string());
        let [recency, frequency, spent] = scores;
        vec![recency, frequency, spent, count(cell.customers), money(cell.revenue, currency)]
    };
    let rows: Vec<Vec<String>> = cells.iter().rev().map(row).collect();
    let caption = "Customers by recency, frequency and money in fifths (5 = most recent, most often, most money); equals in the \
                   order in which they became known";
    table(caption, &["Recency", "Frequency", "Money", "Customers", "Revenue"], &rows)
}

/// The models behind a forecast.
pub fn forecast(forecast: &Forecast) -> Markup {
    let row = |name: &str, number: &str| vec![name.to_owned(), number.to_owned()];
    let rows = [
        row("expected purchases", &forecast.expected_purchases),
        row("expected revenue", &forecast.expected_revenue),
        row("expected repeat purchases of somebody new", &forecast.expected_of_new),
        row("customers fitted", &count(forecast.customers)),
        row("BG/NBD: r", &forecast.r),
        row("α, in weeks", &forecast.alpha),
        row("a", &forecast.a),
        row("b", &forecast.b),
        row("log-likelihood", &forecast.ln_likelihood),
        row("repeat customers fitted", &count(forecast.repeaters)),
        row("gamma-gamma: p", &forecast.p),
        row("q", &forecast.q),
        row("v", &forecast.v),
    ];
    table("The forecast and its models", &["What", "Number"], &rows)
}

/// Points by what became of them.
pub fn liability(wallets: &[Wallet], currency: &str) -> Markup {
    let rows = wallets.iter().map(|wallet| points(&wallet.name, wallet.decimals, wallet.total, currency));
    let rows: Vec<Vec<String>> = rows.collect();
    table("Points by wallet", &heads("Wallet"), &rows)
}

/// The points of one wallet by the month of their issue.
pub fn months(wallet: &Wallet, currency: &str) -> Markup {
    let row = |month: &super::figures::Month| points(&month.month, wallet.decimals, month.points, currency);
    let rows: Vec<Vec<String>> = wallet.months.iter().map(row).collect();
    table(&format!("{}, by the month of issue", wallet.name), &heads("Month"), &rows)
}

const fn heads(first: &str) -> [&str; 8] {
    [first, "Issued", "Adjusted", "Redeemed", "Expired", "Taken back", "Outstanding", "Deferred"]
}

fn points(name: &str, decimals: usize, points: Points, currency: &str) -> Vec<String> {
    let Points { issued, adjusted, redeemed, expired, returned, outstanding, deferred } = points;
    let sums = [issued, adjusted, redeemed, expired, returned, outstanding].map(|sum| decimal(sum, decimals));
    [name.to_owned()].into_iter().chain(sums).chain([money(deferred, currency)]).collect()
}
