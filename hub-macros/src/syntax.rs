//! Tokens to a leniently parsed item: the options of the attribute, the user's item without its `#[hub(..)]` helper
//! attributes, and what those helpers said. Hands on a [`Source`]; judges nothing but the spelling of options.

mod authorize;
mod options;

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Item, ItemImpl, ItemTrait, LitStr, Meta, Path};

use crate::recover::Errors;
pub(crate) use authorize::Authorize;

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

/// `#[hub(name = "..", authorize, sequential, discover, crate = path)]`, of one attribute or several.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) authorize: Vec<Authorize>,
    pub(crate) sequential: Option<Span>,
    pub(crate) discover: Option<Span>,
    pub(crate) root: Option<Path>,
}

/// `#[hub(skip)]`, `#[hub(name = "..", authorize)]` on a method.
#[derive(Default)]
pub(crate) struct Helper {
    pub(crate) name: Option<LitStr>,
    pub(crate) authorize: Vec<Authorize>,
    pub(crate) skip: Option<Span>,
}

/// Reads the attribute and the item; `None` (with an error) if the item is neither an `impl` nor a trait.
pub(crate) fn read(
    kind: Kind,
    attr: TokenStream,
    item: TokenStream,
    errors: &mut Errors,
) -> Option<Source> {
    let mut options = Options::default();
    options.read(attr, errors);
    let item = match syn::parse2::<Item>(item) {
        Ok(item) => item,
        Err(error) => {
            errors.add(error);
            return None;
        }
    };
    let (item, helpers) = match item {
        Item::Impl(mut item) if kind == Kind::Hub => {
            options.take(&mut item.attrs, errors);
            let helpers = impl_helpers(&mut item, errors);
            (Block::Impl(item), helpers)
        }
        Item::Trait(mut item) => {
            if kind == Kind::Hub {
                options.take(&mut item.attrs, errors);
            }
            let helpers = trait_helpers(&mut item, errors);
            (Block::Trait(item), helpers)
        }
        other => {
            errors.at(
                first_token(&other),
                match kind {
                    Kind::Hub if matches!(other, Item::Fn(_) | Item::Verbatim(_)) => {
                        "`#[hub(..)]` on a method needs `#[hub]` on its `impl` or trait, and can't come from `cfg_attr`"
                    }
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
    fn read(&mut self, attr: TokenStream, errors: &mut Errors) {
        let known = "`name = \"..\"`, `authorize`, `sequential`, `discover` or `crate = path`";
        options::each_of(attr, known, errors, |key, input, errors| {
            if key == "name" {
                let name = options::name(key, input)?;
                options::once(&mut self.name, name, key, "remove one", errors);
            } else if key == "authorize" {
                self.authorize.push(Authorize::read(key, input, errors)?);
            } else if key == "sequential" {
                options::once(&mut self.sequential, key.span(), key, "remove one", errors);
            } else if key == "discover" {
                options::once(&mut self.discover, key.span(), key, "remove one", errors);
            } else if key == "crate" {
                let message = "which crate? write `crate = path`";
                let root = options::value(key, input, Path::parse_mod_style, message)?;
                options::once(&mut self.root, root, key, "remove one", errors);
            } else {
                return Ok(false);
            }
            Ok(true)
        });
    }

    /// Takes further `#[hub(..)]` off the item: they say more of the same.
    fn take(&mut self, attrs: &mut Vec<Attribute>, errors: &mut Errors) {
        for attr in attrs.extract_if(.., |attr| is_helper(attr.path())) {
            match attr.meta {
                Meta::Path(_) => {}
                Meta::List(list) => self.read(list.tokens, errors),
                Meta::NameValue(value) => {
                    errors.on(&value, "options stand in parentheses: write `#[hub(..)]`");
                }
            }
        }
    }
}

impl Helper {
    /// Takes the helper attributes off a method.
    fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let known = "`skip`, `authorize` or `name = \"..\"`";
        let mut helper = Self::default();
        for attr in attrs.extract_if(.., |attr| is_helper(attr.path())) {
            let Ok(list) = attr.meta.require_list() else {
                errors.on(
                    &attr.meta,
                    "say what about this method: `#[hub(skip)]`, `#[hub(authorize)]` or `#[hub(name = \"..\")]`",
                );
                continue;
            };
            options::each_of(list.tokens.clone(), known, errors, |key, input, errors| {
                if key == "name" {
                    let name = options::name(key, input)?;
                    options::once(&mut helper.name, name, key, "remove one", errors);
                } else if key == "authorize" {
                    helper.authorize.push(Authorize::read(key, input, errors)?);
                } else if key == "skip" {
                    options::once(&mut helper.skip, key.span(), key, "remove one", errors);
                } else {
                    return Ok(false);
                }
                Ok(true)
            });
        }
        helper
    }
}

/// `hub` by any path, as an attribute may be named by its path.
fn is_helper(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| last.ident == "hub")
}
