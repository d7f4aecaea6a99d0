//! Lifecycle: `connected`, `reconnected`, `closed` and the others of the trait `Hub`, from what a hub's author wrote or
//! from a contract, which has them all.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::{Root, at, quiet, router};
use crate::model::{ContractModel, LifecycleModel, Moment};

/// What the trait `Hub` asks a contract for. `Opened` calls `Connected` unless the hub writes it.
const TOLD: [Moment; 7] = [
    Moment::Opened,
    Moment::Reopened,
    Moment::Reconnected,
    Moment::Disconnected,
    Moment::Closed,
    Moment::Pressure,
    Moment::Expired,
];

/// A lifecycle method's signature in the trait `Hub`, and its parameter behind the context.
fn signature(root: &Root, moment: Moment) -> (TokenStream, Option<Ident>) {
    let name = short(moment);
    let context = context(moment).into_iter();
    let (param, ty) = detail(root, moment).unzip();
    let (params, types) = (param.iter(), ty.iter());
    let signature = quote_spanned! {Span::mixed_site()=>
        fn #name<'call>(
            &'call self,
            #(#context: &'call #root::Context,)*
            #(#params: #types)*
        ) -> #root::BoxFuture<'call, #root::Result<(), #root::HubError>>
    };
    (signature, param)
}

/// The context's parameter, where there is one.
fn context(moment: Moment) -> Option<Ident> {
    let cx = || Ident::new("cx", Span::mixed_site());
    moment.has_context().then(cx)
}

/// What a moment tells beside the context: the parameter's name and type.
fn detail(root: &Root, moment: Moment) -> Option<(Ident, TokenStream)> {
    let local = |name| Ident::new(name, Span::mixed_site());
    match moment {
        Moment::Connected | Moment::Opened | Moment::Reopened => None,
        Moment::Reconnected => Some((local("resumed"), quote!(#root::Resumed))),
        Moment::Disconnected => Some((local("stopped"), quote!(bool))),
        Moment::Closed => Some((local("reason"), quote!(#root::Closed))),
        Moment::Pressure => Some((local("pressure"), quote!(#root::Pressure))),
        Moment::Expired => Some((local("gone"), quote!(#root::Expired))),
    }
}

/// What a plain hub's author wrote, as the trait `Hub` wants it.
pub(super) fn method(root: &Root, method: &LifecycleModel) -> TokenStream {
    let LifecycleModel { ident, cfgs, .. } = method;
    let (signature, detail) = signature(root, method.moment);
    let context = method.context.iter().map(|ty| quote_spanned!(at(ty)=> cx));
    // A wrong type is reported where it stands.
    let detail = method.detail.iter().zip(detail).map(|(ty, mut detail)| {
        detail.set_span(at(ty));
        detail
    });
    let wait = method.is_async.then(|| quote_spanned!(at(ident)=> .await));
    let target = quote_spanned!(at(ident)=> Self);
    let call = quote_spanned! {at(ident)=>
        #target::#ident(self, #(#context,)* #(#detail,)*) #wait
    };
    let answer = match &method.fallible {
        Some(whole) => {
            let convert = router::convert(root, whole);
            quote_spanned! {at(whole)=>
                match #call {
                    #root::Ok(()) => #root::Ok(()),
                    #root::Err(error) => #root::Err(#convert),
                }
            }
        }
        None => quote_spanned!(Span::mixed_site()=> #call; #root::Ok(())),
    };
    let boxed = root.at(at(ident));
    quote_spanned! {at(ident)=>
        #(#cfgs)*
        #signature {
            #boxed::Box::pin(async move { #answer })
        }
    }
}

/// What a contract provides for hubs that write nothing.
pub(super) fn defaults(root: &Root, declared: &[Moment]) -> TokenStream {
    let missing = Moment::ALL
        .into_iter()
        .filter(|moment| !declared.contains(moment));
    let defaults = missing.map(|moment| {
        let name = Ident::new(moment.name(), Span::mixed_site());
        let doc = documented(moment);
        let context = context(moment).into_iter();
        let (param, ty) = detail(root, moment).unzip();
        let (params, types) = (param.iter(), ty.iter());
        // What a trait declares by mistake can't be called.
        let body = instead(moment).filter(|_| declared.is_empty());
        let body = body
            .unwrap_or_else(|| quote_spanned!(Span::mixed_site()=> #root::ready(#root::Ok(()))));
        let quiet = quiet();
        quote_spanned! {Span::mixed_site()=>
            #[doc = #doc]
            ///
            /// # Errors
            /// None unless the hub writes it.
            #quiet
            fn #name(
                &self,
                #(#context: &#root::Context,)*
                #(#params: #types)*
            ) -> impl #root::Future<Output = #root::Result<(), #root::HubError>> + #root::Send {
                #body
            }
        }
    });
    defaults.collect()
}

fn documented(moment: Moment) -> &'static str {
    match moment {
        Moment::Connected => {
            " A connection that listed this hub has started. Does nothing unless the hub writes it."
        }
        Moment::Opened => {
            " `on_connected` by another name, which it calls unless the hub writes it."
        }
        Moment::Reopened => {
            " A client that is known again has started, and something was kept for it. Does what `on_connected` does unless the hub writes it."
        }
        Moment::Reconnected => " A connection came back. Does nothing unless the hub writes it.",
        Moment::Disconnected => {
            " A connection has ended: `stopped` by its client, or lost. Does nothing unless the hub writes it."
        }
        Moment::Closed => {
            " `on_disconnected` with the reason, which it calls without it unless the hub writes it."
        }
        Moment::Pressure => {
            " A client reads slowly, or no longer does. Does nothing unless the hub writes it."
        }
        Moment::Expired => {
            " What was kept for a client that is away is gone: its time is over. Does nothing unless the hub writes it."
        }
    }
}

/// What a moment does in a contract in place of nothing.
fn instead(moment: Moment) -> Option<TokenStream> {
    let body = match moment {
        Moment::Opened => quote_spanned!(Span::mixed_site()=> Self::on_connected(self, cx)),
        Moment::Reopened => quote_spanned!(Span::mixed_site()=> Self::on_opened(self, cx)),
        Moment::Closed => {
            quote_spanned!(Span::mixed_site()=> Self::on_disconnected(self, cx, reason.is_stopped()))
        }
        Moment::Connected
        | Moment::Reconnected
        | Moment::Disconnected
        | Moment::Pressure
        | Moment::Expired => return None,
    };
    Some(body)
}

/// All of them, handed on to what a contract keeps under `door`.
pub(super) fn of_contract(root: &Root, door: &TokenStream) -> TokenStream {
    let methods = TOLD.into_iter().map(|moment| {
        let (signature, detail) = signature(root, moment);
        let (name, context, detail) = (
            short(moment),
            context(moment).into_iter(),
            detail.into_iter(),
        );
        quote_spanned! {Span::mixed_site()=>
            #signature {
                (#door.#name)(self #(, #context)* #(, #detail)*)
            }
        }
    });
    methods.collect()
}

/// What a contract keeps under its door for all of them.
pub(super) fn doors(root: &Root, contract: &ContractModel) -> TokenStream {
    let doors = TOLD.into_iter().map(|moment| {
        let (name, method) = (short(moment), Ident::new(moment.name(), Span::mixed_site()));
        let detail = detail(root, moment).map(|(detail, _)| detail);
        let passed: Vec<_> = context(moment).into_iter().chain(detail).collect();
        let body = if contract.generic || !contract.declared.is_empty() {
            quote_spanned!(Span::mixed_site()=> #root::refuse(#root::no_such_method()))
        } else {
            quote_spanned!(Span::mixed_site()=> #root::Box::pin(Self::#method(hub #(, #passed)*)))
        };
        quote_spanned! {Span::mixed_site()=>
            #name: |hub #(, #passed)*| #body,
        }
    });
    doors.collect()
}

/// A moment's name in the trait `Hub`.
fn short(moment: Moment) -> Ident {
    let name = match moment {
        Moment::Opened => Moment::Connected.name(),
        moment => moment.name(),
    };
    Ident::new(name.trim_start_matches("on_"), Span::mixed_site())
}
