//! Tokens to a leniently parsed item: the options of the attribute, the user's item without its `#[hub(..)]` helper
//! attributes, and what those helpers said. Hands on a [`Source`]; judges nothing but the spelling of options.

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, Item, ItemImpl, ItemTrait, LitStr, Path, Token};

use crate::recover::Errors;

/// Which attribute stands on the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `#[hub]`
    Hub,
    /// `#[hub_client]`
    Client,
}

/// What an attribute and its item say.
pub(crate) struct Source {
    pub(crate) kind: Kind,
    pub(crate) options: Options,
    pub(crate) item: Block,
    /// One for each `fn` of the item, in order.
    pub(crate) helpers: Vec<Helper>,
}

/// The two items that an attribute can stand on.
pub(crate) enum Block {
    Impl(ItemImpl),
    Trait(ItemTrait),
}

/// `#[hub(name = "..", discover, crate = path)]`
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) discover: Option<Span>,
    pub(crate) root: Option<Path>,
}

/// `#[hub(skip)]`, `#[hub(name = "..")]` on a method.
#[derive(Default)]
pub(crate) struct Helper {
    pub(crate) name: Option<LitStr>,
    pub(crate) skip: Option<Span>,
}

/// Reads the attribute and the item; `None` (with an error) if the item is neither an `impl` nor a trait.
pub(crate) fn read(
    kind: Kind,
    attr: TokenStream,
    item: TokenStream,
    errors: &mut Errors,
) -> Option<Source> {
    let options = Options::read(attr, errors);
    let item = match syn::parse2::<Item>(item) {
        Ok(item) => item,
        Err(error) => {
            errors.add(error);
            return None;
        }
    };
    let (item, helpers) = match item {
        Item::Impl(mut item) if kind == Kind::Hub => {
            let helpers = impl_helpers(&mut item, errors);
            (Block::Impl(item), helpers)
        }
        Item::Trait(mut item) => {
            let helpers = trait_helpers(&mut item, errors);
            (Block::Trait(item), helpers)
        }
        other => {
            errors.at(
                first_token(&other),
                match kind {
                    Kind::Hub => {
                        "`#[hub]` goes on `impl ChatHub { .. }`, on a contract `trait Chat { .. }`, or on \
                         `impl Chat for ChatHub { .. }`"
                    }
                    Kind::Client => {
                        "`#[hub_client]` goes on a trait of callbacks: `trait ChatClient { .. }`"
                    }
                },
            );
            return None;
        }
    };
    Some(Source {
        kind,
        options,
        item,
        helpers,
    })
}

fn impl_helpers(item: &mut ItemImpl, errors: &mut Errors) -> Vec<Helper> {
    let methods = item.items.iter_mut().filter_map(|item| match item {
        syn::ImplItem::Fn(method) => Some(&mut method.attrs),
        _ => None,
    });
    methods.map(|attrs| Helper::take(attrs, errors)).collect()
}

fn trait_helpers(item: &mut ItemTrait, errors: &mut Errors) -> Vec<Helper> {
    let methods = item.items.iter_mut().filter_map(|item| match item {
        syn::TraitItem::Fn(method) => Some(&mut method.attrs),
        _ => None,
    });
    methods.map(|attrs| Helper::take(attrs, errors)).collect()
}

fn first_token(item: &impl quote::ToTokens) -> Span {
    let mut tokens = item.to_token_stream().into_iter();
    tokens.next().map_or_else(Span::call_site, |t| t.span())
}

impl Options {
    fn read(attr: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        each_option(attr, errors, |key, input, errors| {
            if key == "name" {
                options.name = Some(text(key, input)?);
            } else if key == "discover" {
                options.discover = Some(key.span());
            } else if key == "crate" {
                input.parse::<Token![=]>()?;
                options.root = Some(input.call(Path::parse_mod_style)?);
            } else {
                errors.at(
                    key.span(),
                    format!(
                        "unknown option `{key}`: write `name = \"..\"`, `discover` or `crate = path`"
                    ),
                );
                return skip_value(input);
            }
            Ok(())
        });
        options
    }
}

impl Helper {
    /// Takes the helper attributes off a method.
    fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut helper = Self::default();
        for attr in attrs.extract_if(.., |attr| is_helper(attr.path())) {
            let Ok(list) = attr.meta.require_list() else {
                errors.on(
                    &attr.meta,
                    "say what about this method: `#[hub(skip)]` or `#[hub(name = \"..\")]`",
                );
                continue;
            };
            each_option(list.tokens.clone(), errors, |key, input, errors| {
                if key == "name" {
                    helper.name = Some(text(key, input)?);
                } else if key == "skip" {
                    helper.skip = Some(key.span());
                } else {
                    errors.at(
                        key.span(),
                        format!("unknown option `{key}`: write `skip` or `name = \"..\"`"),
                    );
                    return skip_value(input);
                }
                Ok(())
            });
        }
        helper
    }
}

/// `hub` by any path, as an attribute may be named by its path.
fn is_helper(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| last.ident == "hub")
}

/// Calls `one` behind each option's key, up to the first that can't be read.
fn each_option(
    tokens: TokenStream,
    errors: &mut Errors,
    mut one: impl FnMut(&Ident, ParseStream<'_>, &mut Errors) -> syn::Result<()>,
) {
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let key = input.call(syn::ext::IdentExt::parse_any)?;
            one(&key, input, errors)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    if let Err(error) = read.parse2(tokens) {
        errors.add(error);
    }
}

fn text(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    if !input.peek(Token![=]) {
        return Err(syn::Error::new(
            key.span(),
            "what is the name? write `name = \"..\"`",
        ));
    }
    input.parse::<Token![=]>()?;
    input.parse()
}

fn skip_value(input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        input.parse::<syn::Expr>()?;
    } else if input.peek(syn::token::Paren) {
        input.parse::<proc_macro2::Group>()?;
    }
    Ok(())
}
