//! `hub-core` needs no runtime: contract crates depend on it alone.

use std::process::Command;

#[test]
fn hub_core_does_not_depend_on_tokio() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "-p", "hub-core", "-e", "normal", "--prefix", "none"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&tree.stdout);
    let complaint = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{complaint}");
    assert!(text.starts_with("hub-core v"), "{text}");
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(
        names.contains(&"serde_json"),
        "dependencies are listed: {text}"
    );
    assert!(!names.contains(&"tokio"), "{text}");
}
