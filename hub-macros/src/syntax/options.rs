//! Lists of options, `key, key = value, key(..)`: what can't be read is told, and reading goes on behind it.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, LitStr, Token};

use crate::recover::Errors;

/// As [`each`], of an attribute's own tokens.
pub(super) fn each_of(
    tokens: TokenStream,
    known: &str,
    errors: &mut Errors,
    one: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<bool>,
) {
    let read = |input: ParseStream<'_>| {
        each(input, known, errors, one);
        Ok(())
    };
    if let Err(error) = read.parse2(tokens) {
        errors.add(error);
    }
}

/// Calls `one` behind each option's key; it returns whether it knows the key. `known` lists what can be written.
pub(super) fn each(
    input: ParseStream<'_>,
    known: &str,
    errors: &mut Errors,
    mut one: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<bool>,
) {
    while !input.is_empty() {
        match input.call(Ident::parse_any) {
            Err(_) => errors.add(wrong(input, format!("this is no option: write {known}"))),
            Ok(key) => match one(&key, input, errors) {
                Ok(true) if ended(input) => {}
                Ok(true) => errors.add(input.error("expected `,`")),
                Ok(false) => {
                    errors.at(key.span(), format!("unknown option `{key}`: write {known}"))
                }
                Err(error) => errors.add(error),
            },
        }
        rest(input);
        comma(input, errors);
    }
}

/// Calls `one` for each of the values in a list.
pub(super) fn values(
    input: ParseStream<'_>,
    errors: &mut Errors,
    mut one: impl FnMut(ParseStream<'_>) -> syn::Result<()>,
) {
    while !input.is_empty() {
        if let Err(error) = one(input) {
            errors.add(error);
        }
        comma(input, errors);
    }
}

/// Keeps the first of several values for one key.
pub(super) fn once<T>(
    slot: &mut Option<T>,
    value: T,
    key: &Ident,
    advice: &str,
    errors: &mut Errors,
) {
    if slot.is_some() {
        errors.at(key.span(), format!("`{key}` is given already: {advice}"));
    } else {
        *slot = Some(value);
    }
}

/// What stands behind `key =`, and nothing else; `message` for anything else.
pub(super) fn value<T>(
    key: &Ident,
    input: ParseStream<'_>,
    read: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
    message: impl std::fmt::Display,
) -> syn::Result<T> {
    if input.parse::<Option<Token![=]>>()?.is_none() || ended(input) {
        return Err(syn::Error::new(key.span(), message));
    }
    whole(input, read, message)
}

/// A value up to the next comma; `message` for anything else.
pub(super) fn whole<T>(
    input: ParseStream<'_>,
    read: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
    message: impl std::fmt::Display,
) -> syn::Result<T> {
    let ahead = input.fork();
    match read(&ahead) {
        Ok(value) if ended(&ahead) => {
            input.advance_to(&ahead);
            Ok(value)
        }
        _ => Err(wrong(input, message)),
    }
}

/// The value of `name`.
pub(super) fn name(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    let message = "what is the name? write `name = \"..\"`";
    value(key, input, |value| value.parse(), message)
}

/// Whether an option has nothing more.
pub(super) fn ended(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// An error that covers the rest of an option.
fn wrong(input: ParseStream<'_>, message: impl std::fmt::Display) -> syn::Error {
    let place = input.span();
    let rest = rest(input);
    if rest.is_empty() {
        syn::Error::new(place, message)
    } else {
        syn::Error::new_spanned(rest, message)
    }
}

/// What is left of an option: an expression may have commas of its own.
fn rest(input: ParseStream<'_>) -> TokenStream {
    let mut rest = TokenStream::new();
    let ahead = input.fork();
    if !ended(input)
        && let Ok(value) = ahead.parse::<Expr>()
    {
        input.advance_to(&ahead);
        quote::ToTokens::to_tokens(&value, &mut rest);
    }
    while !ended(input)
        && let Ok(token) = input.parse::<TokenTree>()
    {
        rest.extend([token]);
    }
    rest
}

fn comma(input: ParseStream<'_>, errors: &mut Errors) {
    if let Err(error) = input.parse::<Option<Token![,]>>() {
        errors.add(error);
    }
}
