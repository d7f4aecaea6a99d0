//! What cargo knows of this workspace.

use std::{env, io, process::Command};

use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: String,
    metadata: Value,
}

impl Workspace {
    pub(crate) fn find() -> io::Result<Self> {
        let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let output = Command::new(cargo)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()?;
        if !output.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        Ok(Self {
            root: text(&metadata, "workspace_root").to_owned(),
            metadata,
        })
    }

    pub(crate) fn path(&self, relative: &str) -> String {
        format!("{}/{relative}", self.root)
    }

    /// Where an example is once it is built; the target folder is cargo's own to choose.
    pub(crate) fn release(&self, program: &str) -> String {
        format!(
            "{}/release/{program}",
            text(&self.metadata, "target_directory")
        )
    }

    pub(crate) fn logs(&self) -> String {
        format!("{}/xtask", text(&self.metadata, "target_directory"))
    }

    /// The members that have features, each with all but `default`.
    pub(crate) fn features(&self) -> Vec<(&str, Vec<&str>)> {
        let packages = self
            .metadata
            .get("packages")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        packages
            .filter_map(|package| {
                let features = package
                    .get("features")?
                    .as_object()?
                    .keys()
                    .map(String::as_str);
                let features: Vec<&str> =
                    features.filter(|feature| *feature != "default").collect();
                (!features.is_empty()).then_some((text(package, "name"), features))
            })
            .collect()
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn features_are_named_without_the_default_one() {
        let packages = json!([
            { "name": "plain", "features": {} },
            { "name": "hub", "features": { "default": ["tls"], "tls": [], "redis": [] } },
        ]);
        let workspace = Workspace {
            root: String::new(),
            metadata: json!({ "packages": packages }),
        };
        assert_eq!(workspace.features(), [("hub", vec!["redis", "tls"])]);
    }

    #[test]
    fn programs_are_looked_for_where_cargo_puts_them() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.release("chat").ends_with("/release/chat"));
        assert!(std::path::Path::new(&workspace.path("xtask/Cargo.toml")).exists());
    }
}
