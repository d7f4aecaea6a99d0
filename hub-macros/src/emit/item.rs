//! The user's trait: as written, but for `async fn`s, which become functions that return `Send` futures.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{ItemTrait, ReturnType, TraitItem, TraitItemFn, parse_quote_spanned};

use super::{Root, at};

/// `item` with `inside` added at its end.
pub(super) fn async_trait(root: &Root, mut item: ItemTrait, inside: TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    item.colon_token.get_or_insert_with(Default::default);
    item.supertraits
        .push(parse_quote_spanned!(here=> #root::Send));
    item.supertraits
        .push(parse_quote_spanned!(here=> #root::Sync));
    item.supertraits.push(parse_quote_spanned!(here=> 'static));
    for member in &mut item.items {
        if let TraitItem::Fn(function) = member {
            send_future(root, function);
        }
    }
    item.items.push(TraitItem::Verbatim(inside));
    item.into_token_stream()
}

fn send_future(root: &Root, function: &mut TraitItemFn) {
    if function.sig.asyncness.take().is_none() {
        return;
    }
    let output = match &function.sig.output {
        ReturnType::Default => quote_spanned!(Span::mixed_site()=> ()),
        ReturnType::Type(_, ty) => ty.to_token_stream(),
    };
    let span = at(&function.sig.ident);
    let root = root.at(span);
    function.sig.output = parse_quote_spanned! {span=>
        -> impl #root::Future<Output = #output> + #root::Send
    };
    if let Some(body) = &mut function.default {
        *body = parse_quote_spanned!(span=> { async move #body });
    }
}
