//! Expansion snapshots: `tests/expand/NAME.rs` expands to `tests/expand/NAME.expanded.rs`, one for each feature.
//! `UPDATE=1 cargo test -p hub-macros` rewrites them.

use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Attribute, File, Item};

use crate::expand;
use crate::syntax::Kind;

#[test]
fn expansions_are_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expand");
    let update = std::env::var_os("UPDATE").is_some();
    let mut seen = 0;
    let mut different = Vec::new();
    for input in inputs(&folder) {
        seen += 1;
        let expanded = expand_file(&fs::read_to_string(&input).unwrap());
        let output = input.with_extension("expanded.rs");
        if update {
            fs::write(&output, &expanded).unwrap();
        } else if fs::read_to_string(&output).unwrap_or_default() != expanded {
            different.push(format!("{}:\n{expanded}", output.display()));
        }
    }
    assert!(seen >= 12, "only {seen} files in {}", folder.display());
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let is_input = |path: &PathBuf| !path.to_string_lossy().ends_with(".expanded.rs");
    let mut inputs: Vec<_> = files.filter(is_input).collect();
    inputs.sort();
    inputs
}

/// A file with each of its `#[hub..]` items expanded, and nothing else.
fn expand_file(text: &str) -> String {
    let file: File = syn::parse_str(text).unwrap();
    let expansions = file.items.into_iter().map(|mut item| {
        let attrs = match &mut item {
            Item::Impl(item) => &mut item.attrs,
            Item::Trait(item) => &mut item.attrs,
            _ => return item.into_token_stream(),
        };
        let ours = |attr: &mut Attribute| entry(attr).is_some();
        let Some(attr) = attrs.extract_if(.., ours).next() else {
            return item.into_token_stream();
        };
        let options = match &attr.meta {
            syn::Meta::List(list) => list.tokens.clone(),
            _ => proc_macro2::TokenStream::new(),
        };
        let (kind, root) = entry(&attr).unwrap();
        expand(kind, root, options, &item.into_token_stream())
    });
    let expanded = syn::parse2(expansions.collect()).unwrap();
    prettyplease::unparse(&expanded)
}

fn entry(attr: &Attribute) -> Option<(Kind, &'static str)> {
    let name = attr.path().get_ident()?.to_string();
    Some(match name.as_str() {
        "hub" => (Kind::Hub, "hub_core"),
        "hub_client" => (Kind::Client, "hub_core"),
        "hub_for_server" => (Kind::Hub, "hub_server"),
        "hub_client_for_client" => (Kind::Client, "hub_client"),
        _ => return None,
    })
}
