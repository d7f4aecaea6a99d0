//! Which names a JSONP function may have (`classic-signalr.md` 2.6).

/// The words of ECMAScript 5 that name nothing, strict mode's included, and the values that look like names. The literals
/// `null`, `true` and `false` pass, as in the original.
const RESERVED: [&str; 45] = [
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "export",
    "extends",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "try",
    "typeof",
    "var",
    "void",
    "while",
    "with",
    "yield",
    "NaN",
    "undefined",
    "Infinity",
];

/// Whether it is a dotted path of identifiers.
pub(crate) fn is_callback(name: &str) -> bool {
    name.split('.').all(is_identifier)
}

fn is_identifier(part: &str) -> bool {
    let begins = |c: char| c.is_alphabetic() || matches!(c, '$' | '_');
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '$' | '_');
    part.starts_with(begins) && part.chars().all(goes_on) && !RESERVED.contains(&part)
}

#[cfg(test)]
mod tests {
    use super::is_callback;

    #[test]
    fn item_13_callbacks_are_dotted_paths_of_identifiers() {
        for name in [
            "cb",
            "jQuery1124_1416",
            "a.b.$c",
            "_",
            "\u{e4}rger",
            "null",
            "eval",
        ] {
            assert!(is_callback(name), "{name}");
        }
        for name in [
            "",
            " ",
            "a b",
            "1a",
            "a..b",
            "a.",
            "let",
            "a.function",
            "NaN",
            "a(b",
            "a;b",
            "a[0]",
            "</script>",
        ] {
            assert!(!is_callback(name), "{name}");
        }
    }
}
