//! Callbacks in their two roles: an `Audience` that sends them, and a router that hands received ones to a handler.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};

use super::{Root, at, derived, local, router, sent};
use crate::model::{CallbacksModel, MethodModel};
use crate::recover;

/// `impl ChatClient for Audience`.
pub(super) fn sending(root: &Root, callbacks: &CallbacksModel) -> TokenStream {
    let ident = &callbacks.ident;
    let methods = callbacks.methods.iter().map(|method| send(root, method));
    let broken = callbacks.broken.iter().map(recover::stub);
    let derived = derived();
    quote_spanned! {Span::mixed_site()=>
        #derived
        impl #ident for #root::Audience {
            #(#methods)*
            #(#broken)*
        }
    }
}

fn send(root: &Root, method: &MethodModel) -> TokenStream {
    let MethodModel {
        ident,
        wire,
        cfgs,
        args,
        ..
    } = method;
    let whole = &method.output.whole;
    let params = args.iter().map(|arg| {
        let (local, ty) = (local(&arg.ident), &arg.ty);
        quote_spanned!(Span::mixed_site()=> #local: #ty)
    });
    let values = sent(args);
    let convert = into(root, method);
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        async fn #ident(&self #(, #params)*) -> #whole {
            let args = #root::arguments(&[#(#values),*]);
            #root::send(self, #wire, args).await.map_err(#convert)
        }
    }
}

/// What turns one error into the other, reported at the callback's error type.
fn into(root: &Root, method: &MethodModel) -> TokenStream {
    let place = at(&method.output.error);
    let root = root.at(place);
    quote_spanned!(place=> #root::Into::into)
}

/// `struct ChatClientEvents` and its `EventRouter`.
pub(super) fn handling(root: &Root, callbacks: &CallbacksModel) -> TokenStream {
    let CallbacksModel { ident, vis, .. } = callbacks;
    let events = format_ident!("{ident}Events");
    let text = events.to_string();
    let doc = format!(" Hands events to a handler, a [`{ident}`], by their names.");
    let names = callbacks.methods.iter().map(|method| {
        let (cfgs, wire) = (&method.cfgs, &method.wire);
        quote_spanned!(Span::mixed_site()=> #(#cfgs)* #wire)
    });
    let routes = callbacks
        .methods
        .iter()
        .map(|method| route(root, ident, method));
    let derived = derived();
    quote_spanned! {Span::mixed_site()=>
        #[doc = #doc]
        #[allow(dead_code, unreachable_pub)]
        #vis struct #events<T>(
            /// The handler.
            #vis T,
        );

        #derived
        impl<T: #root::Clone> #root::Clone for #events<T> {
            fn clone(&self) -> Self {
                Self(#root::Clone::clone(&self.0))
            }
        }

        #derived
        impl<T: #root::fmt::Debug> #root::fmt::Debug for #events<T> {
            fn fmt(&self, f: &mut #root::fmt::Formatter<'_>) -> #root::fmt::Result {
                f.debug_tuple(#text).field(&self.0).finish()
            }
        }

        #derived
        impl<T: #ident> #root::EventRouter for #events<T> {
            fn methods(&self) -> &'static [&'static str] {
                &[#(#names),*]
            }

            fn route<'call>(
                &'call self,
                method: &str,
                mut args: #root::Args,
            ) -> #root::Option<#root::BoxFuture<'call, #root::Result<(), #root::HubError>>> {
                #(#routes)*
                #root::None
            }
        }
    }
}

fn route(root: &Root, callbacks: &proc_macro2::Ident, method: &MethodModel) -> TokenStream {
    let MethodModel {
        ident,
        wire,
        cfgs,
        args,
        optional,
        ..
    } = method;
    let refuse = quote_spanned!(Span::mixed_site()=> #root::refuse_event);
    let (locals, read) = router::read_arguments(root, &refuse, method);
    let most = args.len();
    let least = most - optional;
    let convert = into(root, method);
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        if method.eq_ignore_ascii_case(#wire) {
            if !(#least..=#most).contains(&args.len()) {
                return #refuse(#root::wrong_arguments(#wire, args.len()));
            }
            #read
            return #root::Some(#root::Box::pin(async move {
                <T as #callbacks>::#ident(&self.0 #(, #locals)*).await.map_err(#convert)
            }));
        }
    }
}
