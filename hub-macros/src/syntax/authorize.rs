//! `authorize`, `authorize = "role"` and `authorize(..)`: one condition.

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::{ExprPath, Ident, LitBool, LitStr, Token, parenthesized, token};

use super::options;
use crate::recover::Errors;

/// What one `authorize` says.
pub(crate) struct Authorize {
    /// Its key.
    pub(crate) place: Span,
    pub(crate) roles: Option<Vec<LitStr>>,
    pub(crate) users: Option<Vec<LitStr>>,
    pub(crate) check: Option<ExprPath>,
    /// With its key.
    pub(crate) require_outgoing: Option<(Ident, LitBool)>,
}

const KNOWN: &str =
    "`roles(\"..\")`, `users(\"..\")`, `check = path::to::function` or `require_outgoing = false`";

const CHECK: &str =
    "name a function, `check = path::to::function`; it is a `fn(&Identity, &Request) -> bool`";

impl Authorize {
    /// Reads what is behind the key.
    pub(super) fn read(
        key: &Ident,
        input: ParseStream<'_>,
        errors: &mut Errors,
    ) -> syn::Result<Self> {
        let mut authorize = Self {
            place: key.span(),
            roles: None,
            users: None,
            check: None,
            require_outgoing: None,
        };
        if input.peek(Token![=]) {
            let message = "a role is text, `authorize = \"admin\"`; for more write `authorize(..)`";
            let role = options::value(key, input, |value| value.parse(), message)?;
            authorize.roles = Some(vec![role]);
        } else if input.peek(token::Paren) {
            let content;
            let parens = parenthesized!(content in input);
            if content.is_empty() {
                return Err(syn::Error::new(
                    parens.span.join(),
                    format!(
                        "who may pass? write `authorize` for every authenticated user, or in the parentheses {KNOWN}"
                    ),
                ));
            }
            authorize.read_conditions(&content, errors);
        } else if !options::ended(input) {
            return Err(input.error(
                "write `authorize` for every authenticated user, `authorize = \"role\"` or `authorize(..)`",
            ));
        }
        Ok(authorize)
    }

    fn read_conditions(&mut self, input: ParseStream<'_>, errors: &mut Errors) {
        options::each(input, KNOWN, errors, |key, input, errors| {
            let again = "remove this, or write another `authorize(..)` if both have to pass";
            if key == "roles" {
                let roles = names(key, input, errors)?;
                options::once(&mut self.roles, roles, key, again, errors);
            } else if key == "users" {
                let users = names(key, input, errors)?;
                options::once(&mut self.users, users, key, again, errors);
            } else if key == "check" {
                let check = options::value(key, input, |value| value.parse(), CHECK)?;
                options::once(&mut self.check, check, key, again, errors);
            } else if key == "require_outgoing" {
                let message = "are listeners asked, too? write `require_outgoing = false` or `require_outgoing = true`";
                let required = options::value(key, input, |value| value.parse(), message)?;
                let required = (key.clone(), required);
                options::once(
                    &mut self.require_outgoing,
                    required,
                    key,
                    "remove one",
                    errors,
                );
            } else {
                return Ok(false);
            }
            Ok(true)
        });
    }
}

/// `("one", "another")`
fn names(key: &Ident, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<LitStr>> {
    if !input.peek(token::Paren) {
        return Err(syn::Error::new(
            key.span(),
            format!("which {key}? write `{key}(\"..\")`"),
        ));
    }
    let content;
    let parens = parenthesized!(content in input);
    if content.is_empty() {
        return Err(syn::Error::new(
            parens.span.join(),
            format!("which {key}? write `{key}(\"..\")`"),
        ));
    }
    let mut names = Vec::new();
    options::values(&content, errors, |input| {
        let message = format!("{key} are text: write `{key}(\"..\")`");
        names.push(options::whole(input, |value| value.parse(), message)?);
        Ok(())
    });
    Ok(names)
}
