//! Conditions on callers, as constants of a spec.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ExprPath;

use super::{Root, at};
use crate::model::AuthorizeModel;

/// `&[Authorize, ..]`; `own` is the hub's type, where there is no `Self`.
pub(super) fn authorize(
    root: &Root,
    own: &TokenStream,
    conditions: &[AuthorizeModel],
) -> TokenStream {
    let conditions = conditions.iter().map(|condition| one(root, own, condition));
    quote_spanned!(Span::mixed_site()=> &[#(#conditions),*])
}

fn one(root: &Root, own: &TokenStream, condition: &AuthorizeModel) -> TokenStream {
    let AuthorizeModel {
        roles,
        users,
        check,
        require_outgoing,
    } = condition;
    let roles =
        (!roles.is_empty()).then(|| quote_spanned!(Span::mixed_site()=> .roles(&[#(#roles),*])));
    let users =
        (!users.is_empty()).then(|| quote_spanned!(Span::mixed_site()=> .users(&[#(#users),*])));
    let check = check.as_ref().map(|check| {
        let path = path(own, check);
        quote_spanned!(at(check)=> .check(#path))
    });
    let require_outgoing = require_outgoing
        .as_ref()
        .map(|required| quote_spanned!(Span::mixed_site()=> .require_outgoing(#required)));
    quote_spanned! {Span::mixed_site()=>
        #root::Authorize::AUTHENTICATED #roles #users #check #require_outgoing
    }
}

/// `Self::may` as `<Chat>::may`: a spec stands beside the `impl`.
fn path(own: &TokenStream, check: &ExprPath) -> TokenStream {
    let mut segments = check.path.segments.iter();
    let starts_with_self = check.qself.is_none()
        && check.path.leading_colon.is_none()
        && segments.next().is_some_and(|first| first.ident == "Self");
    if starts_with_self && check.path.segments.len() > 1 {
        quote_spanned!(at(check)=> <#own> #(::#segments)*)
    } else {
        check.to_token_stream()
    }
}
