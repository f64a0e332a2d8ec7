//! The pictures, as SVG. Their colours are the page's CSS variables, so that they follow it from light to dark and onto paper.
//!
//! Each picture is drawn in two shapes, one for wide pages and one for phones, so that its words stay readable on both. What
//! it shows is told in words and numbers beside it; must not know how.

use std::sync::Arc;

use kuva::TickFormat;
use kuva::backend::svg::SvgBackend;
use kuva::plot::scatter::ScatterPlot;
use kuva::plot::{BarPlot, ColorMap, Heatmap, LinePlot, SankeyPlot};
use kuva::render::annotations::TextAnnotation;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;
use kuva::render::theme::Theme;

use super::figures::{Best, Cell, Flow, Group, Spread, Standpoint, Tiers, Wallet};
use super::parted::{self, Bar, Part};
use super::words::{self, in_percent, percent};

const ACCENT: &str = "var(--accent)";
const WARM: &str = "var(--warm)";
const FAINT: &str = "var(--faint)";
const INK: &str = "var(--ink)";
/// What sets the right side's nodes of a flow apart from the left side's: it shows nothing.
const AGAIN: char = '\u{200b}';

/// How large a picture is drawn, in units of the screen, and how large its words are.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub width: f64,
    pub height: f64,
    pub text: u32,
}

/// For a page that is wide enough, and for paper.
pub const WIDE: Shape = Shape { width: 680.0, height: 360.0, text: 14 };
/// For a phone.
pub const NARROW: Shape = Shape { width: 340.0, height: 300.0, text: 12 };

impl Shape {
    /// As wide, but only as high as so many bars need.
    fn of_bars(self, bars: usize) -> Self {
        let bars = u32::try_from(bars).map_or(f64::MAX, f64::from);
        Self { height: (36.0 + 44.0 * bars).min(self.height * 2.0), ..self }
    }
}

fn theme() -> Theme {
    Theme {
        background: "none".into(),
        axis_color: "var(--line)".into(),
        grid_color: "var(--grid)".into(),
        tick_color: "var(--line)".into(),
        text_color: "var(--soft)".into(),
        font_family: Some("inherit".into()),
        ..Theme::minimal()
    }
}

fn layout(plots: &[Plot], shape: Shape) -> Layout {
    let mut layout = Layout::auto_from_plots(plots)
        .with_width(shape.width)
        .with_height(shape.height)
        .with_theme(theme())
        .with_show_grid(true)
        .with_tick_size(shape.text)
        .with_label_size(shape.text)
        .with_body_size(shape.text);
    (layout.show_legend, layout.show_colorbar) = (false, false);
    layout
}

/// Without room for a title above and a name of the axis below.
fn low(layout: Layout, shape: Shape) -> Layout {
    layout.with_force_margins_y(8.0, 8.0 + 1.6 * f64::from(shape.text))
}

fn drawn(plots: Vec<Plot>, layout: Layout) -> String {
    SvgBackend::new().render_scene(&render_multiple(plots, layout))
}

fn in_percents() -> TickFormat {
    TickFormat::Custom(Arc::new(|tick| format!("{tick:.0}%")))
}

fn in_counts() -> TickFormat {
    TickFormat::Custom(Arc::new(|tick| words::rounded(&tick.to_string())))
}

/// How far whole numbers lie apart on an axis, so that it has at most so many steps up to the highest: 1, 2, 5, 10, 20 ...
fn step(highest: i64, at_most: i64) -> i64 {
    let steps = (0..18).flat_map(|zeros| [1, 2, 5].map(|step| 10_i64.pow(zeros).saturating_mul(step)));
    let mut enough = steps.filter(|step| step.saturating_mul(at_most) >= highest);
    enough.next().unwrap_or(i64::MAX)
}

fn float(number: i64) -> f64 {
    number as f64
}

/// A text of the program's, without the signs that would be set as mathematics.
fn plain(text: &str) -> String {
    text.replace('\\', "").replace('$', "\\$")
}

/// The Lorenz curve with the best customers first, the rule of 80 to 20, and what was measured.
pub fn lorenz(spread: &Spread, shape: Shape) -> String {
    let of_best = |share: &str| 100.0 - in_percent(share);
    let curve =
        spread.lorenz.iter().map(|point| (of_best(&point.share_of_customers), of_best(&point.share_of_revenue)));
    // The best 20 per cent are rounded up: of 13 customers they are 3, and lie at 23.1.
    let share = |best: &Group| (in_percent(&best.share_of_customers), in_percent(&best.share_of_revenue));
    let measured = spread.top.last().map_or((20.0, 0.0), share);
    let line = LinePlot::new().with_data(curve).with_color(ACCENT).with_stroke_width(2.5);
    let even = LinePlot::new().with_data([(0.0, 0.0), (100.0, 100.0)]).with_color("var(--line)").with_dashed();
    let dot = |at: (f64, f64), color| ScatterPlot::new().with_data([at]).with_color(color).with_size(6.0);
    let (rule, found) = (dot((20.0, 80.0), WARM), dot(measured, ACCENT));
    let plots: Vec<Plot> = vec![line.with_fill().with_fill_opacity(0.1).into(), even.into(), rule.into(), found.into()];
    let layout = layout(&plots, shape)
        .with_x_axis_min(0.0)
        .with_x_axis_max(100.0)
        .with_y_axis_min(0.0)
        .with_y_axis_max(100.0)
        .with_x_tick_step(20.0)
        .with_y_tick_step(20.0)
        .with_tick_format(in_percents())
        .with_x_label("of the customers, the best first")
        .with_y_label("of the revenue");
    drawn(plots, layout)
}

/// What the best 20 and the best 1 per cent brought in the twelve months up to each moment.
pub fn over_time(rows: &[Standpoint], shape: Shape) -> String {
    let line = |of: fn(&Standpoint) -> &str, color: &str| {
        let points = (0_u32..).map(f64::from).zip(rows.iter().map(|row| in_percent(of(row))));
        LinePlot::new().with_data(points).with_color(color).with_stroke_width(2.5)
    };
    let best = line(|row| &row.share_of_best_20, ACCENT);
    let plots: Vec<Plot> = vec![best.into(), line(|row| &row.share_of_best_1, WARM).into()];
    let names: Vec<String> = rows.iter().map(|row| row.last_day.chars().take(7).collect()).collect();
    let name = move |tick: f64| {
        let named = names.iter().zip(0_u32..).find(|(_, at)| (f64::from(*at) - tick).abs() < 0.01);
        named.map(|(name, _)| name.clone()).unwrap_or_default()
    };
    let last = u32::try_from(rows.len().saturating_sub(1)).map_or(1.0, f64::from).max(1.0);
    let steps = if shape.width < WIDE.width { 3.0 } else { 6.0 };
    let layout = low(layout(&plots, shape), shape)
        .with_x_axis_min(0.0)
        .with_x_axis_max(last)
        .with_y_axis_min(0.0)
        .with_y_axis_max(100.0)
        .with_x_tick_step((last / steps).ceil().max(1.0))
        .with_y_tick_step(20.0)
        .with_x_tick_format(TickFormat::Custom(Arc::new(name)))
        .with_y_tick_format(in_percents());
    drawn(plots, layout)
}

/// What became of the best customers.
pub fn best(best: &Best, shape: Shape) -> String {
    let part = |amount: i64, color| {
        let share = percent(&words::share(amount, best.group.customers));
        Part { amount, color, label: format!("{} ({share})", words::count(amount)) }
    };
    let parts = vec![
        part(best.stayed, ACCENT),
        part(best.still_buying.saturating_sub(best.stayed), WARM),
        part(best.group.customers.saturating_sub(best.still_buying), FAINT),
    ];
    parted::drawn(&[Bar { name: String::new(), parts }], shape)
}

/// Whether the base is left out of the picture: where anybody stands above it, it would hide them.
pub fn is_base_left_out(tiers: &Tiers) -> bool {
    tiers.counts.iter().skip(1).any(|tier| tier.before + tier.after > 0)
}

/// How many stood on each tier at the two days.
pub fn tiers(tiers: &Tiers, shape: Shape) -> String {
    let shown = || tiers.counts.iter().skip(usize::from(is_base_left_out(tiers)));
    let mut bars = BarPlot::new().with_horizontal(true).with_width(0.7);
    for tier in shown() {
        let both = [(float(tier.before), FAINT), (float(tier.after), ACCENT)];
        bars = bars.with_group(plain(&tier.name), both);
    }
    let plots: Vec<Plot> = vec![bars.into()];
    let highest = shown().map(|tier| tier.before.max(tier.after)).max().unwrap_or(0).max(1);
    let step = step(highest, if shape.width < WIDE.width { 4 } else { 8 });
    let end = highest.div_euclid(step).saturating_add(i64::from(highest % step != 0)).saturating_mul(step);
    let layout = low(layout(&plots, shape.of_bars(shown().count())), shape)
        .with_x_axis_max(float(end))
        .with_x_tick_step(float(step))
        .with_x_tick_format(in_counts());
    drawn(plots, layout)
}

/// Who went from which tier to which; those who stayed on the base are left out.
pub fn flows(tiers: &Tiers, shape: Shape) -> Option<String> {
    let name = |tier: &str| tiers.counts.iter().find(|count| count.tier == tier).map(|count| plain(&count.name));
    let base = tiers.counts.first().map(|count| &count.tier);
    let mut flows = SankeyPlot::new()
        .with_node_gap(14.0)
        .with_link_opacity(0.4)
        .with_flow_labels()
        .with_flow_label_format(in_counts());
    let heights = tiers.counts.len().max(2);
    for (at, tier) in tiers.counts.iter().enumerate() {
        let color = tier_color(at, heights);
        let (left, right) = (plain(&tier.name), format!("{}{AGAIN}", plain(&tier.name)));
        let is_left = tiers.flows.iter().any(|flow| flow.from == tier.tier && is_drawn(flow, base));
        let is_right = tiers.flows.iter().any(|flow| flow.to == tier.tier && is_drawn(flow, base));
        flows =
            if is_left { flows.with_node_color(left.clone(), color.clone()).with_node_column(left, 0) } else { flows };
        flows = if is_right { flows.with_node_color(right.clone(), color).with_node_column(right, 1) } else { flows };
    }
    let drawn_flows = || tiers.flows.iter().filter(|flow| is_drawn(flow, base));
    for flow in drawn_flows() {
        let Some((from, to)) = name(&flow.from).zip(name(&flow.to)) else { continue };
        flows = flows.with_link(from, format!("{to}{AGAIN}"), float(flow.members));
    }
    drawn_flows().next()?;
    let plots: Vec<Plot> = vec![flows.into()];
    let layout = layout(&plots, Shape { height: 230.0, ..shape }).with_show_grid(false).with_force_margins_y(8.0, 8.0);
    Some(drawn(plots, layout))
}

/// Whether a flow is drawn: between two tiers, and not of those who stayed on the base.
pub fn is_drawn(flow: &Flow, base: Option<&String>) -> bool {
    !flow.from.is_empty() && !flow.to.is_empty() && (flow.from != flow.to || Some(&flow.from) != base)
}

/// The base is faint, and tiers grow warmer with their height.
fn tier_color(at: usize, of: usize) -> String {
    if at == 0 {
        return FAINT.to_owned();
    }
    let warmth = at.saturating_sub(1).saturating_mul(100).checked_div(of.saturating_sub(2).max(1)).unwrap_or(0);
    format!("color-mix(in oklab, {WARM} {}%, {ACCENT})", warmth.min(100))
}

/// What share of the revenue each cell of recency and frequency brings, darker for more, and how many customers it has.
pub fn rfm(cells: &[Cell], shape: Shape) -> String {
    let shape = Shape { height: 1.15 * shape.height, ..shape };
    let (shares, heads) = (shares_by_cell(cells), customers_by_cell(cells));
    let shade = |part: f64| {
        let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
        format!("color-mix(in oklab, {ACCENT} {:.0}%, var(--card))", 4.0 + 56.0 * part.sqrt())
    };
    let ones: Vec<String> = (1..=5).map(|score| score.to_string()).collect();
    let map = Heatmap::new().with_data(shares.clone()).with_color_map(ColorMap::Custom(Arc::new(shade)));
    let plots: Vec<Plot> = vec![map.with_cell_size(0.95).with_labels(ones.clone(), ones).into()];
    let mut layout = layout(&plots, shape)
        .with_show_grid(false)
        .with_x_axis_min(0.5)
        .with_x_axis_max(5.5)
        .with_y_axis_min(0.5)
        .with_y_axis_max(5.5)
        .with_x_tick_step(1.0)
        .with_y_tick_step(1.0)
        .with_x_label("how often: 5 = most often")
        .with_y_label("how recently: 5 = most recent");
    for ((shares, heads), y) in shares.iter().zip(&heads).zip(1_u32..) {
        for ((share, heads), x) in shares.iter().zip(heads).zip(1_u32..) {
            let (x, y) = (f64::from(x), f64::from(y));
            let lines = [(format!("{share:.1}%"), y + 0.04), (words::count(*heads), y - 0.34)];
            for (line, y) in lines {
                let word = TextAnnotation::new(line, x, y).with_color(INK);
                layout = layout.with_annotation(word.with_font_size(shape.text));
            }
        }
    }
    drawn(plots, layout)
}

/// Something of all cells, by recency from the lowest, then by frequency.
fn by_cell(cells: &[Cell], of: fn(&Cell) -> i64) -> Vec<Vec<i64>> {
    let sum = |recency: i32, frequency: i32| {
        let here = cells.iter().filter(|cell| (cell.recency, cell.frequency) == (recency, frequency));
        here.map(of).fold(0, i64::saturating_add)
    };
    (1..=5).map(|recency| (1..=5).map(|frequency| sum(recency, frequency)).collect()).collect()
}

/// How many customers each cell has.
fn customers_by_cell(cells: &[Cell]) -> Vec<Vec<i64>> {
    by_cell(cells, |cell| cell.customers)
}

/// The revenue of each cell in per cent of all, by recency from the lowest, then by frequency.
pub fn shares_by_cell(cells: &[Cell]) -> Vec<Vec<f64>> {
    let revenue = by_cell(cells, |cell| cell.revenue);
    let whole = float(revenue.iter().flatten().copied().fold(0, i64::saturating_add).max(1));
    let in_percents = |row: &Vec<i64>| row.iter().map(|revenue| 100.0 * float(*revenue) / whole).collect();
    revenue.iter().map(in_percents).collect()
}

/// What became of the points of each wallet.
pub fn liability(wallets: &[Wallet], shape: Shape) -> String {
    let bars: Vec<Bar> = wallets.iter().map(points).collect();
    parted::drawn(&bars, shape)
}

fn points(wallet: &Wallet) -> Bar {
    let points = wallet.total;
    let gone = points.expired.saturating_add(points.returned);
    let parts = [(points.outstanding, ACCENT), (points.redeemed, WARM), (gone, FAINT)];
    let whole = parts.iter().map(|(points, _)| (*points).max(0)).fold(0, i64::saturating_add);
    let part = |(amount, color)| Part { amount, color, label: percent(&words::share(amount, whole)) };
    Bar { name: wallet.name.clone(), parts: parts.into_iter().map(part).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::report::figures::TierCount;

    #[test]
    fn axes_of_members_have_whole_steps() {
        assert_eq!([1, 4, 5, 14, 40, 883].map(|highest| step(highest, 4)), [1, 1, 2, 5, 10, 500]);
        assert_eq!((step(0, 4), step(i64::MAX, 1)), (1, i64::MAX));
        let count = |name: &str, after| TierCount { tier: name.into(), name: name.into(), before: 0, after };
        let counts = vec![count("base", 3), count("silver", 14)];
        let svg = tiers(&Tiers { counts, ..Tiers::default() }, NARROW);
        for tick in [">0<", ">5<", ">10<", ">15<"] {
            assert!(svg.contains(tick), "{tick} of {svg}");
        }
        assert!(!svg.contains(">3<") && !svg.contains(">8<"), "{svg}");
    }

    #[test]
    fn the_measured_dot_lies_at_the_share_of_customers_it_is_about() {
        let at = |share: &str| {
            let best =
                Group { share_of_customers: share.into(), share_of_revenue: "0.500000".into(), ..Group::default() };
            let svg = lorenz(&Spread { top: vec![best], ..Spread::default() }, WIDE);
            let dots: Vec<&str> =
                svg.split("<circle ").skip(1).map(|dot| dot.split_whitespace().next().unwrap()).collect();
            assert_eq!(dots.len(), 2, "{svg}");
            (dots[0].to_owned(), dots[1].to_owned())
        };
        let ((rule, at_20), (_, at_23)) = (at("0.200000"), at("0.230769"));
        assert_eq!(rule, at_20, "one below the other");
        assert_ne!(at_20, at_23);
    }
}
