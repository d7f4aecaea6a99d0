//! Names on the wire: snake_case to lowerCamelCase, types as they are written, and which methods would answer to the
//! same call.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::Ident;
use syn::ext::IdentExt;

use crate::model::MethodModel;

/// `send_all` and `ChatHub` as `sendAll` and `chatHub`.
pub(crate) fn wire(ident: &Ident) -> String {
    let name = ident.unraw().to_string();
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let mut wire = words
        .next()
        .map(|word| cased(word, false))
        .unwrap_or_default();
    wire.extend(words.map(|word| cased(word, true)));
    if wire.is_empty() { name } else { wire }
}

fn cased(word: &str, upper: bool) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| {
        if upper {
            first.to_ascii_uppercase()
        } else {
            first.to_ascii_lowercase()
        }
    });
    first.into_iter().chain(letters).collect()
}

/// A type as its author wrote it: tokens with spaces only where they are usual.
pub(crate) fn written(ty: &impl ToTokens) -> String {
    let mut text = String::new();
    write(ty.to_token_stream(), &mut text);
    text
}

fn write(tokens: TokenStream, text: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                    proc_macro2::Delimiter::Bracket => ("[", "]"),
                    proc_macro2::Delimiter::Brace => ("{", "}"),
                    proc_macro2::Delimiter::None => ("", ""),
                };
                text.push_str(open);
                write(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(mark) => match mark.as_char() {
                ',' => text.push_str(", "),
                ';' => text.push_str("; "),
                '+' => text.push_str(" + "),
                mark => text.push(mark),
            },
            word => {
                if text.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                    text.push(' ');
                }
                text.push_str(&word.to_string());
            }
        }
    }
}

/// Pairs of methods that one call could mean, the later one first. Without `overloads` one name is enough, however many
/// arguments there are.
pub(crate) fn clashes(
    methods: &[MethodModel],
    overloads: bool,
) -> Vec<(&MethodModel, &MethodModel)> {
    let mut clashes = Vec::new();
    for (place, second) in methods.iter().enumerate() {
        let first = methods.iter().take(place).find(|first| {
            // Methods under `#[cfg]` may never be there together.
            first.cfgs.is_empty()
                && second.cfgs.is_empty()
                && first.wire.eq_ignore_ascii_case(&second.wire)
                && !(overloads && differ(first, second))
        });
        clashes.extend(first.map(|first| (second, first)));
    }
    clashes
}

/// Whether no number of arguments fits both.
fn differ(first: &MethodModel, second: &MethodModel) -> bool {
    let least = |method: &MethodModel| method.args.len() - method.optional;
    least(first) > second.args.len() || least(second) > first.args.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_lower_camel_case() {
        let names = [
            ("send", "send"),
            ("send_all", "sendAll"),
            ("ChatHub", "chatHub"),
            ("Chat", "chat"),
            ("r#type", "type"),
            ("_room", "room"),
            ("get_2d_point", "get2dPoint"),
            ("alreadyCamel", "alreadyCamel"),
            ("__", "__"),
            ("HTTP", "hTTP"),
        ];
        for (name, expected) in names {
            let ident: Ident = syn::parse_str(name)
                .or_else(|_| syn::parse_str(&format!("r#{name}")))
                .unwrap();
            assert_eq!(wire(&ident), expected, "{name}");
        }
    }

    #[test]
    fn types_are_spaced_as_people_write_them() {
        for ty in [
            "String",
            "Vec<Option<u8>>",
            "HashMap<String, Vec<my::Point>>",
            "[u8; 4]",
            "(u8, bool)",
            "&'static str",
            "Box<dyn Any + Send>",
            "()",
            "<T as Trait>::Item",
        ] {
            let parsed: syn::Type = syn::parse_str(ty).unwrap();
            assert_eq!(written(&parsed), ty);
        }
    }
}
