//! The benchmark as a program: it measures everything once, and says what its numbers are of.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The rows of a Markdown table under a title, cell by cell.
fn rows(tables: &str, title: &str) -> Vec<Vec<String>> {
    let (_, table) = tables.split_once(&format!("### {title}\n")).unwrap();
    let lines = table.lines().skip_while(|line| !line.starts_with("|--"));
    lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

#[test]
fn growth_has_every_table() {
    let output = bench(&["growth", "--quick"]);
    let (tables, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{errors}");
    for (title, count, width) in [
        ("Cost of a delivery", 2, 7),
        ("Cost of publishing", 2, 4),
        ("Coming back", 2, 6),
        ("Memory", 4, 4),
    ] {
        let rows = rows(&tables, title);
        assert_eq!(rows.len(), count, "{title}: {tables}");
        for row in rows {
            assert_eq!(row.len(), width, "{title}: {row:?}");
            let figures = row.iter().filter(|cell| cell.parse::<f64>().is_ok());
            let names = usize::from(title == "Memory");
            assert_eq!(figures.count(), width - names, "{title}: {row:?}");
        }
    }
    for entry in rows(&tables, "Memory").split_off(2) {
        let bytes: f64 = entry[2].parse().unwrap();
        assert!(bytes > 100.0, "each says as much: {entry:?}");
    }
    let missed = rows(&tables, "Coming back");
    let bytes: f64 = missed[1][5].parse().unwrap();
    assert!(bytes > 100.0, "each message says as much: {missed:?}");
}

#[test]
fn clients_in_the_field_are_measured_against_plain_connects() {
    let output = bench(&[
        "--quick",
        "--rounds",
        "1",
        "--only",
        "negotiated",
        "--floor",
        "0",
        "--json",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| {
        let mut lines = lines.iter().filter(|line| line["row"] == name);
        lines.next().unwrap()["cpu_us_per_message"]
            .as_f64()
            .unwrap()
    };
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["scenario"] == "negotiated"));
    assert!(of("hub") > of("raw-tuned"), "they do more: {lines:?}");
}

#[test]
fn a_ratio_that_is_far_below_fails_the_run_and_is_named() {
    let arguments = [
        "--quick", "--rounds", "1", "--only", "connect", "--floor", "100",
    ];
    let output = bench(&arguments);
    assert!(!output.status.success());
    let errors = text(&output.stderr);
    assert!(
        errors.contains("below 100 of what must be reached: connect: "),
        "{errors}"
    );
    let named = errors.matches("connect: ").count();
    assert_eq!(named, 1, "only ours has something to reach: {errors}");
}
