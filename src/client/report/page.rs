//! The page: words, pictures and numbers, in the order in which somebody would ask. Everything that comes from a server is
//! escaped by the template.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts::{self, NARROW, Shape, WIDE};
use super::figures::{Best, Forecast, Group, Part, Report, Spread, Standpoint, Tiers, Wallet};
use super::tables;
use super::words::{coefficient, count, decimal, in_majors, money, percent, rounded, share};

const STYLE: &str = include_str!("style.css");
/// Nothing is fetched, nothing runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole page.
pub fn page(report: &Report) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (report.name) ": the best customers" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (report.name) ": the best customers" }
                    p.when { (day(&report.first_day)) " to " (day(&report.last_day)) ", as Rung's ledger knows it" }
                }
                main { (key(report)) (sections(report)) }
                footer {
                    p {
                        "Customers are the members who had bought by the end of a span. Returns count on the day of their "
                        "purchase. Shares are exact and rounded only here; estimates are estimates, and move no point."
                    }
                }
            }
        }
    }
}

fn sections(report: &Report) -> Markup {
    html! {
        (spread(&report.spread, &report.currency))
        (over_time(&report.over_time, &report.currency))
        (best(report))
        @if let Some(tiers) = &report.tiers { (standing(tiers)) }
        (rfm(report))
        @if let Some(forecast) = &report.forecast { (expected(forecast, report)) }
        @if !report.liability.is_empty() { (liability(&report.liability, report)) }
    }
}

/// The report in four numbers.
fn key(report: &Report) -> Markup {
    let (whom, best) = best_20(&report.spread);
    let kept = share(report.best.still_buying, report.best.group.customers);
    html! {
        dl.key {
            (fact(&format!("of the revenue comes from the best 20% of the customers ({whom})"), &best))
            (fact("of the customers bring 80% of it", &percent(&report.spread.for_most.share_of_customers)))
            (fact(&format!("of the best before {} bought again", report.then_from), &percent(&kept)))
            (fact(&format!("revenue in {}", report.currency), &in_majors(report.spread.revenue, &report.currency)))
        }
    }
}

/// How many the best 20 per cent are, such as `3 of 13`, and what share of the revenue they bring.
fn best_20(spread: &Spread) -> (String, String) {
    let best = spread.top.last();
    let customers = best.map_or(0, |group| group.customers);
    let brought = best.map(|group| percent(&group.share_of_revenue)).unwrap_or_default();
    (format!("{} of {}", count(customers), count(spread.customers)), brought)
}

/// A day, which no line breaks.
fn day(day: &str) -> Markup {
    html! { time { (day) } }
}

/// On a day, or today.
fn on(day: &str) -> Markup {
    html! { @if day != "today" { "on " } time { (day) } }
}

fn fact(words: &str, number: &str) -> Markup {
    html! { div { dt { (words) } dd { (number) } } }
}

/// A picture in both its shapes, with a name and a description for who cannot see it.
fn picture(id: &str, name: &str, about: &str, draw: impl Fn(Shape) -> String) -> Markup {
    html! {
        figure class=(id) { (drawn(&format!("{id}-wide"), "wide", (name, about), &draw(WIDE))) (drawn(&format!("{id}-narrow"), "narrow", (name, about), &draw(NARROW))) }
    }
}

/// An SVG whose size follows the page instead of being its own.
fn drawn(id: &str, class: &str, (name, about): (&str, &str), svg: &str) -> Markup {
    let (head, body) = svg.split_once('>').unwrap_or_default();
    let size = |name: &str| {
        let value = head.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
        value.map_or("0", |(value, _)| value)
    };
    let view = format!("0 0 {} {}", size("width"), size("height"));
    let inside = body.trim_end().trim_end_matches("</svg>");
    let (title, desc) = (format!("{id}-name"), format!("{id}-about"));
    html! {
        svg class=(class) xmlns="http://www.w3.org/2000/svg" viewBox=(view) role="img" aria-labelledby={ (title) " " (desc) } {
            title id=(title) { (name) }
            desc id=(desc) { (about) }
            (PreEscaped(inside))
        }
    }
}

/// What the colours of a picture mean.
fn legend(meanings: &[(&str, &str)]) -> Markup {
    html! { ul.legend { @for (class, meaning) in meanings { li { i class=(class) {} (meaning) } } } }
}

/// A table that is opened by whoever wants it, and stands open on paper.
fn numbers(of: &str, table: &Markup) -> Markup {
    html! {
        details {
            summary { "The numbers: " (of) }
            div.scroll tabindex="0" role="region" aria-label=(of) { (table) }
        }
    }
}

fn spread(spread: &Spread, currency: &str) -> Markup {
    let (whom, best) = best_20(spread);
    let about = format!(
        "A curve from nothing to everything, the best customers first: the best 20%, {whom}, bring {best}, where the rule of \
         80 to 20 has 80%. The further it bends from the straight line, the fewer bring most.",
    );
    html! {
        section {
            h2 { "The vital few" }
            p {
                "The best 20%, " (whom) " customers" (rounded_up(spread)) ", bring " strong { (best) } " of the revenue. "
                "The rule of 80 to 20 is an observation, not a law: here it takes "
                (percent(&spread.for_most.share_of_customers)) " of the customers to bring 80%."
                @if !spread.gini.is_empty() {
                    " The Gini coefficient, 0 if all brought the same and 1 if one brought everything, is "
                    (coefficient(&spread.gini)) "."
                }
            }
            (picture("lorenz", "Lorenz curve", &about, |shape| charts::lorenz(spread, shape)))
            (legend(&[("accent", &format!("measured: the best {whom} bring {best}")), ("warm", "the rule: 20% bring 80%")]))
            (numbers("the best, and A, B and C", &tables::top(spread, currency)))
            (numbers("the curve", &tables::lorenz(spread, currency)))
        }
    }
}

/// What share of the customers the best are, where rounding up makes them more than 20 per cent.
fn rounded_up(spread: &Spread) -> String {
    let told = spread.top.last().map(|best| percent(&best.share_of_customers)).unwrap_or_default();
    if told == "20.0%" { String::new() } else { format!(" (rounded up: {told})") }
}

fn over_time(rows: &[Standpoint], currency: &str) -> Markup {
    html! {
        section {
            h2 { "Is it getting more concentrated?" }
            @match rows {
                [] => p {
                    "It is too early to tell: only whole twelve months can be compared with one another, and these days "
                    "hold none yet."
                }
                [only] => p {
                    "It is too early to tell: only whole twelve months can be compared with one another, and so far there are "
                    "those up to " (day(&only.last_day)) ". The best 20% of those who bought in them brought "
                    strong { (percent(&only.share_of_best_20)) } "."
                }
                [first, .., last] => (compared(first, last, rows))
            }
            @if !rows.is_empty() { (numbers("moment by moment", &tables::over_time(rows, currency))) }
        }
    }
}

/// Twelve months against twelve months.
fn compared(first: &Standpoint, last: &Standpoint, rows: &[Standpoint]) -> Markup {
    let [began, ended] = [first, last].map(|row| percent(&row.share_of_best_20));
    let about = format!(
        "Two lines over time. The share of the best 20% of those who bought begins at {began} and ends at {ended}."
    );
    let units = |row: &Standpoint| super::words::in_percent(&row.share_of_best_20);
    let verdict = match units(last).total_cmp(&units(first)) {
        _ if began == ended => "It is as concentrated as it was",
        std::cmp::Ordering::Less => "It is getting less concentrated",
        _ => "It is getting more concentrated",
    };
    html! {
        p {
            (verdict) ": of those who bought in the twelve months up to " (day(&first.last_day)) ", the best 20% brought "
            (began) "; of those who bought in the twelve months up to " (day(&last.last_day)) ", " strong { (ended) } "."
        }
        (picture("time", "Concentration over time", &about, |shape| charts::over_time(rows, shape)))
        (legend(&[("accent", "the best 20%"), ("warm", "the best 1%")]))
    }
}

fn best(report: &Report) -> Markup {
    let Best { group, still_buying, stayed, .. } = &report.best;
    let of_them = |part: i64| percent(&share(part, group.customers));
    let (kept, best_again) = (of_them(*still_buying), of_them(*stayed));
    let about = format!("One bar: {best_again} of the best stayed among the best, {kept} bought again at all.");
    html! {
        section {
            h2 { "Do the best stay?" }
            p {
                "Of the " (count(group.customers)) " best customers before " (day(&report.then_from)) ", "
                (count(*still_buying)) " (" strong { (kept) } ") bought again by " (day(&report.last_day)) ", and "
                (count(*stayed)) " (" (best_again) ") were among the best again." (others(&report.best))
            }
            (picture("best", "What became of the best customers", &about, |shape| charts::best(&report.best, shape)))
            (became(&report.best))
            (money_of_best(report))
            (numbers("what became of the best", &tables::best(report)))
        }
    }
}

/// What the colours mean, with the numbers: a bar's part may be too narrow for its own.
fn became(best: &Best) -> Markup {
    let all = best.group.customers;
    let told = |what: &str, part: i64| format!("{what}: {} ({})", count(part), percent(&share(part, all)));
    let stayed = told("among the best again", best.stayed);
    let less = told("bought again, but less", best.still_buying.saturating_sub(best.stayed));
    let gone = told("did not buy again", all.saturating_sub(best.still_buying));
    legend(&[("accent", &stayed), ("warm", &less), ("faint", &gone)])
}

/// How many of those who are not among the best bought again, to compare with.
fn others(best: &Best) -> Markup {
    let again = percent(&share(best.others_still_buying, best.others));
    html! {
        @if best.others > 0 {
            " Of the " (count(best.others)) " others, " (count(best.others_still_buying)) " (" (again) ") bought again."
        }
    }
}

/// What the best brought in both parts: sums, shares, and sums a day where one part is longer.
fn money_of_best(report: &Report) -> Markup {
    let Best { group, then, before, after, .. } = &report.best;
    let brought = |best: &Group, part: &Part| {
        html! {
            @if part.revenue == 0 { "nothing, nor did anybody else" }
            @else {
                (money(best.revenue, &report.currency)) " of " (money(part.revenue, &report.currency)) " ("
                strong { (percent(&best.share_of_revenue)) } ")"
            }
        }
    };
    let a_day =
        |best: &Group, part: &Part| money(best.revenue.checked_div_euclid(part.days).unwrap_or(0), &report.currency);
    html! {
        p {
            "In the " (count(before.days)) " days before " (day(&report.then_from)) " they brought " (brought(group, before))
            "; in the " (count(after.days)) " days from then on, the same customers brought " (brought(then, after)) "."
            @if before.days != after.days {
                " The two spans differ in length: a day, the best brought " (a_day(group, before)) " before and "
                (a_day(then, after)) " after."
            }
        }
    }
}

fn standing(tiers: &Tiers) -> Markup {
    let base = tiers.counts.first();
    let left_out = base.filter(|_| charts::is_base_left_out(tiers));
    let above = |of: fn(&super::figures::TierCount) -> i64| tiers.counts.iter().skip(1).map(of).sum::<i64>();
    let (before, after) = (above(|tier| tier.before), above(|tier| tier.after));
    let about = format!("Bars for each tier: {} members above the base before, {} after.", count(before), count(after));
    let moved =
        "Bands from the tiers before, on the left, to the tiers after, on the right; as wide as members went that way.";
    html! {
        section {
            h2 { "Who stands where" }
            p {
                "Above the base stood " (count(before)) @if before == 1 { " member " } @else { " members " } (on(&tiers.before_day)) ", and "
                strong { (count(after)) } " " (on(&tiers.after_day)) "."
                @if let Some(base) = left_out {
                    " Those on " (base.name) ", " (count(base.before)) " before and " (count(base.after))
                    " after, are left out of the picture."
                }
            }
            (picture("tiers", "Members by tier", &about, |shape| charts::tiers(tiers, shape)))
            (legend(&[("faint", &tiers.before_day), ("accent", &tiers.after_day)]))
            @if charts::flows(tiers, WIDE).is_some() {
                h3 { "Who went where" }
                (picture("flows", "Ways between tiers", moved, |shape| charts::flows(tiers, shape).unwrap_or_default()))
            }
            (numbers("members by tier", &tables::tiers(tiers)))
            (numbers("who went where", &tables::flows(tiers)))
        }
    }
}

fn rfm(report: &Report) -> Markup {
    let shares = charts::shares_by_cell(&report.rfm);
    let best = shares.last().and_then(|row| row.last()).map(|share| format!("{share:.1}%")).unwrap_or_default();
    let about = format!(
        "A map of five by five: how often across, how recently up. The corner of the most recent and most frequent brings \
         {best} of the revenue.",
    );
    html! {
        section {
            h2 { "How recently, how often" }
            p {
                "Customers in fifths, from 1 to 5: by their last purchase, 5 = most recent, and by the days on which they "
                "bought, 5 = most often. Each field shows what share of the revenue it brings and, below, how many customers "
                "it has; the upper right corner, who came lately and often, brings " strong { (best) } ". The table below "
                "adds money as a third measure, 5 = most money."
            }
            (picture("rfm", "Recency and frequency", &about, |shape| charts::rfm(&report.rfm, shape)))
            (numbers("every field, with money as a third measure", &tables::rfm(&report.rfm, &report.currency)))
        }
    }
}

fn expected(forecast: &Forecast, report: &Report) -> Markup {
    html! {
        section {
            h2 { "What may be expected" }
            p {
                "Within " (forecast.horizon_days) " days after " (day(&report.last_day)) ", all customers together may be expected to "
                "buy " strong { (rounded(&forecast.expected_purchases)) } " times"
                @if !forecast.expected_revenue.is_empty() {
                    " for " strong { (rounded(&forecast.expected_revenue)) " " (report.currency) }
                }
                ". An estimate from how each of them bought so far."
            }
            (numbers("the models", &tables::forecast(forecast)))
        }
    }
}

fn liability(wallets: &[Wallet], report: &Report) -> Markup {
    let about = "One bar for each wallet: what share of the points issued is outstanding, redeemed, or gone.";
    let currency = &report.currency;
    html! {
        section {
            h2 { "What is owed in points, as of " (day(&report.asked_on)) }
            p {
                "Points are counted as they stood on " (day(&report.asked_on)) ", when this page was made, whatever days the "
                "rest of it is about. " (deferred(wallets, currency))
            }
            ul.owed {
                @for wallet in wallets {
                    li { strong { (decimal(wallet.total.outstanding, wallet.decimals)) } " outstanding: " (wallet.name) }
                }
            }
            (picture("points", "Points by what became of them", about, |shape| charts::liability(wallets, shape)))
            (legend(&[("accent", "outstanding"), ("warm", "redeemed"), ("faint", "expired or taken back")]))
            (numbers("points by wallet", &tables::liability(wallets, currency)))
            @for wallet in wallets { (numbers(&format!("{} by month", wallet.name), &tables::months(wallet, currency))) }
        }
    }
}

/// What revenue is deferred for points, or why none is.
fn deferred(wallets: &[Wallet], currency: &str) -> Markup {
    let deferred: i64 = wallets.iter().map(|wallet| wallet.total.deferred).fold(0, i64::saturating_add);
    html! {
        @if deferred != 0 { strong { (money(deferred, currency)) } " of revenue is deferred for those outstanding." }
        @else if wallets.iter().any(|wallet| wallet.is_valued) {
            "No revenue is deferred for them: nothing is left to defer."
        }
        @else {
            "No revenue is deferred for them, because the program does not say what a point is worth (it states no "
            "valuation)."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::report::figures::{Cell, Flow, Group, Month, Point, Points, TierCount};

    const EVIL: &str = "<script>alert('1')</script>&\"$x^2$";

    fn moment(last_day: &str, share_of_best_20: &str) -> Standpoint {
        Standpoint {
            last_day: last_day.to_owned(),
            share_of_best_20: share_of_best_20.to_owned(),
            ..Standpoint::default()
        }
    }

    /// A page's words, without what sets them apart.
    fn words(page: &Markup) -> String {
        let texts = page.0.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        texts.collect::<String>()
    }

    fn report() -> Report {
        let half = || "0.500000".to_owned();
        let group = || Group { customers: 2, share_of_customers: half(), revenue: 900, share_of_revenue: half() };
        let point = |share: &str| Point {
            share_of_customers: share.to_owned(),
            share_of_revenue: share.to_owned(),
            ..Point::default()
        };
        let tier = |tier: &str| TierCount { tier: tier.to_owned(), name: EVIL.to_owned(), before: 3, after: 4 };
        let flow = |from: &str, to: &str| Flow { from: from.to_owned(), to: to.to_owned(), members: 3 };
        let points = Points { issued: 10, outstanding: 10, deferred: 7, ..Points::default() };
        Report {
            program: "evil".to_owned(),
            name: EVIL.to_owned(),
            currency: "EUR".to_owned(),
            spread: Spread {
                customers: 4,
                top: vec![group()],
                for_most: group(),
                lorenz: vec![point("0.000000"), point("1.000000")],
                ..Spread::default()
            },
            over_time: vec![moment("1997-12-31", "0.649000"), moment("1998-06-30", "0.635000")],
            best: Best { group: group(), still_buying: 1, ..Best::default() },
            tiers: Some(Tiers {
                counts: vec![tier("base"), tier("top")],
                flows: vec![flow("base", "top"), flow("", "base"), flow("top", "")],
                ..Tiers::default()
            }),
            rfm: vec![Cell { recency: 5, frequency: 5, money: 5, customers: 1, revenue: 900 }],
            forecast: Some(Forecast { expected_purchases: "1.5".to_owned(), ..Forecast::default() }),
            liability: vec![Wallet {
                wallet: "w".to_owned(),
                name: EVIL.to_owned(),
                total: points,
                months: vec![Month { month: "2026-05".to_owned(), points }],
                ..Wallet::default()
            }],
            ..Report::default()
        }
    }

    #[test]
    fn what_comes_from_a_server_is_escaped_in_words_and_pictures() {
        let page = page(&report()).into_string();
        assert!(!page.contains("<script") && !page.contains("alert('1')</"), "{page}");
        assert!(page.matches("&lt;script&gt;").count() > 8, "it is shown all the same, in tables and pictures too");
        assert!(page.contains("$x^2$"), "and is no mathematics");
        assert!(!page.contains("x²"));
    }

    #[test]
    fn every_picture_has_a_name_and_follows_the_page() {
        let page = page(&report()).into_string();
        let pictures: Vec<&str> = page.split("<svg ").skip(1).collect();
        assert_eq!(pictures.len(), 14, "seven in two shapes");
        for picture in pictures {
            let head = picture.split('>').next().unwrap_or_default();
            assert!(
                head.contains("role=\"img\"") && head.contains("viewBox=\"0 0 ") && !head.contains("width="),
                "{head}"
            );
            assert!(picture.contains("<title id=") && picture.contains("<desc id="));
        }
        for color in ["#000", "black", "rgb("] {
            assert!(!page.contains(&format!("=\"{color}")), "{color} would not follow the page into the dark");
        }
    }

    #[test]
    fn nothing_is_fetched_and_nothing_runs() {
        // Pictures refer to their own parts.
        let page = page(&report()).into_string().replace("url(#", "");
        for word in ["src=", "href=", "url(", "@import", "onload", "<link", "<iframe"] {
            assert!(!page.contains(word), "{word}");
        }
        assert_eq!(page.matches("http").count(), 1 + 14, "a policy, and the names of SVG: {page}");
    }

    #[test]
    fn twelve_months_are_compared_with_twelve_months_or_not_at_all() {
        let told = |shares: &[&str]| {
            let moments: Vec<Standpoint> = shares.iter().map(|share| moment("1998-06-30", share)).collect();
            words(&over_time(&moments, "EUR"))
        };
        assert!(told(&["0.649", "0.7", "0.635"]).contains("less concentrated"));
        assert!(told(&["0.6", "0.61"]).contains("more concentrated: of those"));
        assert!(told(&["0.60001", "0.60002"]).contains("as concentrated as it was"));
        for early in [told(&[]), told(&["0.649"])] {
            assert!(early.contains("too early to tell") && !early.contains("getting less"), "{early}");
        }
        assert!(told(&["0.649"]).contains("64.9%"));
        assert!(!over_time(&[moment("1998-06-30", "0.649")], "EUR").0.contains("<svg"), "a point is no line");
    }

    #[test]
    fn what_the_best_bring_is_told_in_money_too() {
        let brought = |revenue, share: &str| Group { revenue, share_of_revenue: share.to_owned(), ..Group::default() };
        let best = Best {
            group: Group { customers: 4, ..brought(650, "0.65") },
            then: brought(71, "0.71"),
            still_buying: 3,
            stayed: 2,
            others: 20,
            others_still_buying: 5,
            before: Part { days: 65, revenue: 1_000 },
            after: Part { days: 71, revenue: 100 },
            ..Best::default()
        };
        let told = |best: Best| words(&super::best(&Report { best, currency: "JPY".to_owned(), ..report() }));
        let page = told(best.clone());
        for sentence in [
            "3 (75.0%) bought again",
            "2 (50.0%) were among the best again. Of the 20 others, 5 (25.0%) bought again.",
            "they brought 650 JPY of 1,000 JPY (65.0%)",
            "the same customers brought 71 JPY of 100 JPY (71.0%)",
            "a day, the best brought 10 JPY before and 1 JPY after",
            "bought again, but less: 1 (25.0%)",
        ] {
            assert!(page.contains(sentence), "{sentence}: {page}");
        }
        let alike = told(Best { after: Part { days: 65, revenue: 0 }, others: 0, ..best });
        assert!(!alike.contains("differ in length") && !alike.contains("others,"), "{alike}");
        assert!(alike.contains("brought nothing, nor did anybody else"), "{alike}");
    }

    #[test]
    fn points_are_told_as_of_the_day_they_were_asked_for() {
        let told = |deferred, is_valued| {
            let total = Points { outstanding: 1_234_567, deferred, ..Points::default() };
            let name = "Stars".to_owned();
            let wallet = Wallet { wallet: "w".to_owned(), name, decimals: 2, is_valued, total, months: Vec::new() };
            let report = Report { liability: vec![wallet], asked_on: "1998-07-04".to_owned(), ..report() };
            liability(&report.liability, &report)
        };
        let page = words(&told(0, false));
        assert!(page.contains("What is owed in points, as of 1998-07-04"), "{page}");
        assert!(page.contains("12,345.67 outstanding: Stars") && page.contains("states no valuation"), "{page}");
        assert_eq!(told(0, false).0.matches("Stars</text>").count(), 2, "a bar has the name that the tables have");
        assert!(!words(&told(0, true)).contains("states no valuation"));
        assert!(words(&told(705, true)).contains("7.05 EUR of revenue is deferred"));
    }

    #[test]
    fn the_best_are_as_many_as_rounding_up_makes_them() {
        let best = Group { customers: 3, share_of_customers: "0.230769".to_owned(), ..Group::default() };
        let few = Spread { customers: 13, top: vec![best], gini: "0.387654".to_owned(), ..Spread::default() };
        let page = words(&spread(&few, "EUR"));
        assert!(page.contains("The best 20%, 3 of 13 customers (rounded up: 23.1%), bring"), "{page}");
        assert!(page.contains("measured: the best 3 of 13 bring") && page.contains("is 0.388."), "{page}");
    }

    #[test]
    fn what_a_program_does_not_have_is_left_out() {
        let bare = Report { tiers: None, forecast: None, liability: Vec::new(), ..report() };
        let page = page(&bare).into_string();
        for title in ["Who stands where", "What may be expected", "What is owed"] {
            assert!(!page.contains(title), "{title}");
        }
    }
}
