//! The attributes of *hub*: [`macro@hub`] makes hubs and contracts, [`macro@hub_client`] makes callbacks. Use them through
//! `hub-core`, `hub-server` or `hub-client`, which re-export them; the twins named `.._for_server` and `.._for_client` are
//! what the latter two call `hub` and `hub_client`, so that users need one crate.
//!
//! Four stages, nothing crosses them: `syntax` (tokens to a leniently parsed item), `check` (all mistakes at once),
//! `model`, `emit`. `recover` keeps an item with mistakes in a shape that causes no further ones.

mod check;
mod emit;
mod model;
mod names;
mod recover;
mod syntax;

use proc_macro2::TokenStream;
use quote::quote;

use syntax::Kind;

/// What an attribute expands to. `root` is the crate whose `__private` the generated code refers to.
fn expand(kind: Kind, root: &str, attr: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = recover::Errors::default();
    let Some(mut source) = syntax::read(kind, attr, item.clone(), &mut errors) else {
        return quote!(#item #errors);
    };
    let root = emit::Root::new(source.options.root.take(), root);
    let mut model = check::check(&source, &mut errors);
    if errors.any() {
        model = model.map(recover::smallest);
    }
    let expansion = emit::emit(&root, source.item, model.as_ref());
    quote!(#expansion #errors)
}

macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident: $kind:ident at $root:literal;)*) => {$(
        $(#[$doc])*
        #[proc_macro_attribute]
        pub fn $name(
            attr: proc_macro::TokenStream,
            item: proc_macro::TokenStream,
        ) -> proc_macro::TokenStream {
            expand(Kind::$kind, $root, attr.into(), &item.into()).into()
        }
    )*};
}

attributes! {
    /// Makes a hub of an `impl`, or a contract of a trait.
    hub: Hub at "hub_core";
    /// Makes a trait of callbacks.
    hub_client: Client at "hub_core";
    /// `#[hub]` of `hub-server`.
    hub_for_server: Hub at "hub_server";
    /// `#[hub_client]` of `hub-server`.
    hub_client_for_server: Client at "hub_server";
    /// `#[hub]` of `hub-client`.
    hub_for_client: Hub at "hub_client";
    /// `#[hub_client]` of `hub-client`.
    hub_client_for_client: Client at "hub_client";
}
