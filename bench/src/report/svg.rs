//! Plots as inline SVG: horizontal bars from zero, and latency spans on a logarithmic axis.
//!
//! Drawn by hand: two shapes, and a report that opens anywhere without fetching anything.

use std::fmt::Write as _;

use super::html::escape;

const WIDTH: f64 = 460.0;
const LABEL_WIDTH: f64 = 52.0;
const TEXT_WIDTH: f64 = 126.0;
const PLOT_WIDTH: f64 = WIDTH - LABEL_WIDTH - TEXT_WIDTH;
const ROW: f64 = 15.0;
const GAP: f64 = 8.0;
const TOP: f64 = 24.0;

/// One series' value within a group.
pub(super) struct Mark {
    /// Whose it is, shown when pointed at.
    pub(super) series: String,
    /// Fill colour.
    pub(super) colour: &'static str,
    /// Ascending positions: for a bar its low, median and high; for a span its percentiles.
    pub(super) points: [f64; 3],
    /// What is written at its end.
    pub(super) text: String,
}

/// Marks under one label.
pub(super) struct Group {
    /// The label.
    pub(super) label: String,
    /// From top to bottom.
    pub(super) marks: Vec<Mark>,
}

/// Bars as long as the median, with a line from low to high.
pub(super) fn bars(title: &str, groups: &[Group]) -> String {
    let most = points(groups).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let x = |value: f64| LABEL_WIDTH + value / most * PLOT_WIDTH;
    draw(title, groups, |svg, mark, y| {
        let [low, median, high] = mark.points.map(x);
        let _ = write!(
            svg,
            r#"<rect x="{LABEL_WIDTH}" y="{:.1}" width="{:.1}" height="{:.1}" fill="{}"/>"#,
            y + 1.5,
            median - LABEL_WIDTH,
            ROW - 3.0,
            mark.colour
        );
        let middle = y + ROW / 2.0;
        let _ = write!(svg, r##"<path d="M{low:.1} {middle:.1}H{high:.1}" stroke="#222" stroke-opacity=".55"/>"##);
        high.max(median)
    })
}

/// A line from the first to the last point with a dot at each, on a logarithmic axis shared by the groups.
pub(super) fn spans(title: &str, groups: &[Group]) -> String {
    let least = points(groups).fold(f64::MAX, f64::min).max(0.001);
    let most = points(groups).fold(least * 2.0, f64::max);
    let x = |value: f64| LABEL_WIDTH + 4.0 + (value.max(least) / least).ln() / (most / least).ln() * (PLOT_WIDTH - 8.0);
    draw(title, groups, |svg, mark, y| {
        let [first, second, third] = mark.points.map(x);
        let (middle, colour) = (y + ROW / 2.0, mark.colour);
        let _ = write!(
            svg,
            r#"<path d="M{first:.1} {middle:.1}H{third:.1}" stroke="{colour}" stroke-width="2"/><circle cx="{first:.1}" cy="{middle:.1}" r="3.5" fill="{colour}"/><circle cx="{second:.1}" cy="{middle:.1}" r="3.5" fill="{colour}"/><circle cx="{third:.1}" cy="{middle:.1}" r="3" fill="white" stroke="{colour}" stroke-width="1.5"/>"#
        );
        third
    })
}

fn points(groups: &[Group]) -> impl Iterator<Item = f64> + '_ {
    groups.iter().flat_map(|group| &group.marks).flat_map(|mark| mark.points)
}

/// The frame of both plots; `shape` draws one mark at a height and returns where its text may begin.
fn draw(title: &str, groups: &[Group], shape: impl Fn(&mut String, &Mark, f64) -> f64) -> String {
    let rows: usize = groups.iter().map(|group| group.marks.len()).sum();
    let height = TOP + rows as f64 * ROW + groups.len() as f64 * GAP;
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="{0}"><text x="0" y="14" class="t">{0}</text><path d="M{LABEL_WIDTH} {TOP}V{height}" class="axis"/>"#,
        escape(title)
    );
    let mut y = TOP;
    for group in groups {
        let middle = y + group.marks.len() as f64 * ROW / 2.0 + 4.0;
        let _ =
            write!(svg, r#"<text x="{}" y="{middle:.1}" class="l">{}</text>"#, LABEL_WIDTH - 6.0, escape(&group.label));
        for mark in &group.marks {
            let _ = write!(svg, "<g><title>{}: {}</title>", escape(&mark.series), escape(&mark.text));
            let end = shape(&mut svg, mark, y);
            let _ =
                write!(svg, r#"<text x="{:.1}" y="{:.1}">{}</text></g>"#, end + 6.0, y + ROW - 4.0, escape(&mark.text));
            y += ROW;
        }
        y += GAP;
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(points: [f64; 3]) -> Vec<Group> {
        let mark = Mark { series: "a<b".to_owned(), colour: "red", points, text: "5 & 6".to_owned() };
        vec![Group { label: "get".to_owned(), marks: vec![mark] }]
    }

    #[test]
    fn plots_are_finite_and_escaped() {
        for points in [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [5.0, 5.0, 5.0]] {
            for svg in [bars("t", &groups(points)), spans("t", &groups(points))] {
                assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
                assert!(svg.contains("a&lt;b: 5 &amp; 6"));
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            }
        }
        assert!(bars("empty", &[]).ends_with("</svg>"));
    }
}
