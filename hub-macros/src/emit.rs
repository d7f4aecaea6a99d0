//! The model to tokens. All that is generated refers to its surroundings through [`Root`] alone and names its locals at
//! `Span::mixed_site()`.

mod authorize;
mod events;
mod item;
mod lifecycle;
mod proxy;
mod router;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Path;
use syn::spanned::Spanned;

use crate::model::{ArgModel, Model};
use crate::syntax::Block;

/// The `__private` module of the crate that the user has.
pub(crate) struct Root(TokenStream);

impl Root {
    /// `krate` as the user wrote it, otherwise `::default`.
    pub(crate) fn new(krate: Option<Path>, default: &str) -> Self {
        let krate = krate.map_or_else(
            || {
                let default = Ident::new(default, Span::mixed_site());
                quote_spanned!(Span::mixed_site()=> ::#default)
            },
            Path::into_token_stream,
        );
        Self(quote_spanned!(Span::mixed_site()=> #krate::__private))
    }
}

impl Root {
    /// The same path at another place, so that an error about what follows it is reported there.
    fn at(&self, place: Span) -> TokenStream {
        moved(&self.0, place)
    }
}

impl ToTokens for Root {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.0.to_tokens(tokens);
    }
}

/// The user's item and what is generated beside it; the item alone without a model.
pub(crate) fn emit(root: &Root, item: Block, model: Option<&Model>) -> TokenStream {
    let (inside, beside) = match model {
        None => Default::default(),
        Some(Model::Hub(hub)) => (TokenStream::new(), router::hub(root, hub)),
        Some(Model::Implementation(hub)) => (TokenStream::new(), router::implementation(root, hub)),
        Some(Model::Contract(contract)) => (
            router::contract(root, contract),
            proxy::proxy(root, contract),
        ),
        Some(Model::Callbacks(callbacks)) => (
            TokenStream::new(),
            [
                events::sending(root, callbacks),
                events::handling(root, callbacks),
            ]
            .into_iter()
            .collect(),
        ),
    };
    let item = match item {
        Block::Impl(item) => {
            let ruled = ruled();
            quote!(#ruled #item)
        }
        Block::Trait(item) => item::async_trait(root, item, inside),
    };
    quote!(#item #beside)
}

/// Where errors about `tokens` are to be reported, with the hygiene of generated code.
fn at(tokens: &impl Spanned) -> Span {
    Span::mixed_site().located_at(tokens.span())
}

/// A parameter of the user's as a local of generated code.
fn local(param: &Ident) -> Ident {
    let mut local = param.clone();
    local.set_span(at(param));
    local
}

/// References to the arguments that a method sends. Each is turned into a trait object by itself, so that what is wrong
/// with one is reported at its type, once.
fn sent(args: &[ArgModel]) -> impl Iterator<Item = TokenStream> {
    args.iter().map(|arg| {
        let mut local = local(&arg.ident);
        local.set_span(at(&arg.ty));
        quote_spanned!(at(&arg.ty)=> &#local)
    })
}

/// The same tokens, with the same hygiene, at another place.
fn moved(tokens: &TokenStream, place: Span) -> TokenStream {
    let tokens = tokens.clone().into_iter();
    tokens
        .map(|mut token| {
            token.set_span(token.span().located_at(place));
            token
        })
        .collect()
}

/// What stands on every generated `impl`.
fn derived() -> TokenStream {
    let quiet = quiet();
    quote_spanned! {Span::mixed_site()=>
        #[automatically_derived]
        #quiet
    }
}

/// The rules for hub methods ask for what these lints warn of: owned arguments, a receiver, `async` in a contract.
fn ruled() -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        #[allow(clippy::needless_pass_by_value, clippy::unused_self, clippy::unused_async)]
    }
}

/// Lints are about what people write.
fn quiet() -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        #[allow(unused, deprecated, unreachable_pub, clippy::all, clippy::pedantic, clippy::nursery)]
    }
}
