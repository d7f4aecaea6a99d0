//! A run's ratios as a picture: a bar for each server and scenario, and what must be reached.

use std::fmt::{self, Write};

/// What one server did in one scenario, in units of the reference in the same rounds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) scenario: String,
    pub(crate) server: &'static str,
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
    /// What our server must reach, and its aim.
    pub(crate) targets: Option<(f64, f64)>,
}

/// All bars end here at the latest.
const MOST: f64 = 1.25;
const WIDTH: f64 = 720.0;
const LABELS: f64 = 150.0;
const FIGURES: f64 = 130.0;
const BAR: f64 = 16.0;
const GAP: f64 = 14.0;
const TOP: f64 = 44.0;

/// The picture, as SVG, readable on light pages and on dark ones.
pub(crate) fn svg(ratios: &[Ratio], title: &str) -> Result<String, fmt::Error> {
    let mut bars = String::new();
    let mut y = TOP;
    for scenario in ratios.chunk_by(|a, b| a.scenario == b.scenario) {
        let first = y;
        for ratio in scenario {
            bar(&mut bars, ratio, y)?;
            y += BAR;
        }
        if let Some(Ratio { scenario: name, .. }) = scenario.first() {
            let middle = f64::midpoint(first, y) + 4.0;
            writeln!(
                bars,
                r#"<text x="8" y="{middle:.1}" class="name">{name}</text>"#
            )?;
        }
        y += GAP;
    }
    let (height, one) = (y + 26.0, at(1.0));
    let mut out = String::new();
    writeln!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" font-family="system-ui, sans-serif" font-size="12">
<style>
  text {{ fill: #444 }} .name {{ font-weight: 600 }} .line {{ stroke: #888 }} .span {{ stroke: #444 }}
  .raw {{ fill: #b8c0cc }} .hub {{ fill: #2f7d6b }} .must {{ stroke: #c0392b; stroke-width: 2 }}
  @media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} .span {{ stroke: #ddd }} .raw {{ fill: #556070 }} .hub {{ fill: #4fb39b }} }}
</style>
<text x="8" y="20" font-size="14" class="name">{title}</text>
<line x1="{one:.1}" y1="{:.1}" x2="{one:.1}" y2="{:.1}" class="line" stroke-dasharray="3 3"/>"##,
        TOP - 8.0,
        y - GAP + 6.0,
    )?;
    out.push_str(&bars);
    writeln!(
        out,
        r#"<text x="8" y="{:.0}">work per CPU second, raw-tuned = 1; thin lines: lowest and highest round; red: must</text>
</svg>"#,
        height - 8.0
    )?;
    Ok(out)
}

fn bar(out: &mut String, ratio: &Ratio, y: f64) -> fmt::Result {
    let class = if ratio.targets.is_some() {
        "hub"
    } else {
        "raw"
    };
    let Ratio {
        server,
        min,
        median,
        max,
        ..
    } = ratio;
    let (left, right, middle) = (at(0.0), at(*median), y + BAR / 2.0);
    writeln!(
        out,
        r#"<rect x="{left:.1}" y="{:.1}" width="{:.1}" height="{:.1}" class="{class}"/>
<line x1="{:.1}" y1="{middle:.1}" x2="{:.1}" y2="{middle:.1}" class="span"/>
<text x="{:.1}" y="{:.1}">{median:.2} {server}</text>"#,
        y + 1.0,
        right - left,
        BAR - 2.0,
        at(*min),
        at(*max),
        at(median.max(*max)) + 6.0,
        middle + 4.0,
    )?;
    if let Some((must, _)) = ratio.targets {
        let must = at(must);
        let (top, bottom) = (y, y + BAR);
        writeln!(
            out,
            r#"<line x1="{must:.1}" y1="{top:.1}" x2="{must:.1}" y2="{bottom:.1}" class="must"/>"#
        )?;
    }
    Ok(())
}

/// Where a ratio is.
fn at(ratio: f64) -> f64 {
    LABELS + (WIDTH - LABELS - FIGURES) * ratio.clamp(0.0, MOST) / MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(
        scenario: &str,
        server: &'static str,
        median: f64,
        targets: Option<(f64, f64)>,
    ) -> Ratio {
        Ratio {
            scenario: scenario.to_owned(),
            server,
            min: median * 0.9,
            median,
            max: median * 1.1,
            targets,
        }
    }

    #[test]
    fn every_server_has_a_bar_and_what_must_be_reached_a_mark() {
        let ratios = [
            ratio("echo-1", "raw-tuned", 1.0, None),
            ratio("echo-1", "hub", 0.8, Some((0.8, 0.9))),
            ratio("fan-out", "hub", 99.0, Some((0.7, 1.0))),
        ];
        let svg = svg(&ratios, "how fast").unwrap();
        assert_eq!(svg.matches("<rect").count(), 3);
        assert_eq!(svg.matches(r#"class="must""#).count(), 2);
        assert_eq!(svg.matches(r#"class="name">echo-1"#).count(), 1);
        assert!(svg.contains("0.80 hub") && svg.ends_with("</svg>\n"));
        assert!(at(99.0) <= WIDTH - FIGURES, "no bar leaves the picture");
    }
}
