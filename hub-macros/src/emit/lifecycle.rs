//! Lifecycle: `connected`, `reconnected` and `disconnected` of the trait `Hub`, from what a hub's author wrote or from a
//! contract, which has all three.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::{Root, at, quiet, router};
use crate::model::{ContractModel, LifecycleModel, Moment};

const MOMENTS: [Moment; 3] = [Moment::Connected, Moment::Reconnected, Moment::Disconnected];

/// A lifecycle method's signature in the trait `Hub`, and its parameter behind the context.
fn signature(root: &Root, moment: Moment) -> (TokenStream, Option<Ident>) {
    let name = short(moment);
    let (param, ty) = detail(root, moment).unzip();
    let (params, types) = (param.iter(), ty.iter());
    let signature = quote_spanned! {Span::mixed_site()=>
        fn #name<'call>(
            &'call self,
            cx: &'call #root::Context
            #(, #params: #types)*
        ) -> #root::BoxFuture<'call, #root::Result<(), #root::HubError>>
    };
    (signature, param)
}

/// What a moment tells beside the context: the parameter's name and type.
fn detail(root: &Root, moment: Moment) -> Option<(Ident, TokenStream)> {
    let local = |name| Ident::new(name, Span::mixed_site());
    match moment {
        Moment::Connected => None,
        Moment::Reconnected => Some((local("resumed"), quote!(#root::Resumed))),
        Moment::Disconnected => Some((local("stopped"), quote!(bool))),
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
    let missing = MOMENTS
        .into_iter()
        .filter(|moment| !declared.contains(moment));
    let defaults = missing.map(|moment| {
        let name = Ident::new(moment.name(), Span::mixed_site());
        let doc = match moment {
            Moment::Connected => " A connection that listed this hub has started. Does nothing unless the hub writes it.",
            Moment::Reconnected => {
                " A connection came back. Does nothing unless the hub writes it."
            }
            Moment::Disconnected => " A connection has ended: `stopped` by its client, or lost. Does nothing unless the hub writes it.",
        };
        let (param, ty) = detail(root, moment).unzip();
        let (param, ty) = (param.iter(), ty.iter());
        let quiet = quiet();
        quote_spanned! {Span::mixed_site()=>
            #[doc = #doc]
            ///
            /// # Errors
            /// None unless the hub writes it.
            #quiet
            fn #name(
                &self,
                cx: &#root::Context
                #(, #param: #ty)*
            ) -> impl #root::Future<Output = #root::Result<(), #root::HubError>> + #root::Send {
                #root::ready(#root::Ok(()))
            }
        }
    });
    defaults.collect()
}

/// All three, handed on to what a contract keeps under `door`.
pub(super) fn of_contract(root: &Root, door: &TokenStream) -> TokenStream {
    let methods = MOMENTS.into_iter().map(|moment| {
        let (signature, detail) = signature(root, moment);
        let (name, detail) = (short(moment), detail.iter());
        quote_spanned! {Span::mixed_site()=>
            #signature {
                (#door.#name)(self, cx #(, #detail)*)
            }
        }
    });
    methods.collect()
}

/// What a contract keeps under its door for all three.
pub(super) fn doors(root: &Root, contract: &ContractModel) -> TokenStream {
    let doors = MOMENTS.into_iter().map(|moment| {
        let (name, method) = (short(moment), Ident::new(moment.name(), Span::mixed_site()));
        let detail = detail(root, moment).map(|(detail, _)| detail);
        let detail = detail.iter();
        let params = detail.clone();
        let body = if contract.generic || contract.declared.contains(&moment) {
            quote_spanned!(Span::mixed_site()=> #root::refuse(#root::no_such_method()))
        } else {
            quote_spanned!(Span::mixed_site()=> #root::Box::pin(Self::#method(hub, cx #(, #detail)*)))
        };
        quote_spanned! {Span::mixed_site()=>
            #name: |hub, cx #(, #params)*| #body,
        }
    });
    doors.collect()
}

/// A moment's name in the trait `Hub`.
fn short(moment: Moment) -> Ident {
    let name = moment.name().trim_start_matches("on_");
    Ident::new(name, Span::mixed_site())
}
