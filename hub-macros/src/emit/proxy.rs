//! A contract's typed client: one method for each of the contract's, over `Arc<dyn Invoke>`.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};

use super::{Root, at, quiet};
use crate::model::{ContractModel, MethodModel};

/// `struct ChatProxy` and what it implements.
pub(super) fn proxy(root: &Root, contract: &ContractModel) -> TokenStream {
    let ContractModel {
        name, ident, vis, ..
    } = contract;
    let proxy = format_ident!("{ident}Proxy");
    let text = proxy.to_string();
    let doc =
        format!("Calls the hub `{name}` through a client: [`{ident}`] as its callers see it.");
    let methods = contract
        .methods
        .iter()
        .map(|method| self::method(root, contract, method));
    let quiet = quiet();
    quote_spanned! {Span::mixed_site()=>
        #[doc = #doc]
        #[allow(dead_code, unreachable_pub)]
        #vis struct #proxy {
            client: #root::Arc<dyn #root::Invoke>,
        }

        #quiet
        impl #root::Clone for #proxy {
            fn clone(&self) -> Self {
                Self { client: #root::Clone::clone(&self.client) }
            }
        }

        #quiet
        impl #root::fmt::Debug for #proxy {
            fn fmt(&self, f: &mut #root::fmt::Formatter<'_>) -> #root::fmt::Result {
                f.debug_struct(#text).finish_non_exhaustive()
            }
        }

        #quiet
        impl #root::Proxy for #proxy {
            const HUB: &'static str = #name;

            fn over(client: #root::Arc<dyn #root::Invoke>) -> Self {
                Self { client }
            }
        }

        #quiet
        impl #proxy {
            #(#methods)*
        }
    }
}

fn method(root: &Root, contract: &ContractModel, method: &MethodModel) -> TokenStream {
    let MethodModel {
        ident,
        wire,
        cfgs,
        docs,
        args,
        ..
    } = method;
    let vis = &contract.vis;
    let documented = docs.iter().any(|attr| attr.path().is_ident("doc"));
    let doc = (!documented).then(|| {
        let text = format!("Calls `{wire}` on the hub `{}`.", contract.name);
        quote_spanned!(Span::mixed_site()=> #[doc = #text])
    });
    let params = args.iter().map(|arg| {
        let (ident, ty) = (&arg.ident, &arg.ty);
        quote_spanned!(Span::mixed_site()=> #ident: #ty)
    });
    let payload = if args.is_empty() {
        quote_spanned!(Span::mixed_site()=> #root::Ok(#root::Payload::empty_array()))
    } else {
        let values = args.iter().map(|arg| {
            let ident = &arg.ident;
            quote_spanned!(at(&arg.ty)=> &#ident)
        });
        quote_spanned!(Span::mixed_site()=> #root::Payload::of(&(#(#values,)*)))
    };
    let value = &method.output.value;
    let invoke = quote_spanned!(at(value)=> #root::invoke::<#value>);
    quote_spanned! {Span::mixed_site()=>
        #(#cfgs)*
        #(#docs)*
        #doc
        #vis async fn #ident(&self #(, #params)*) -> #root::Result<#value, #root::CallError> {
            #invoke(&*self.client, <Self as #root::Proxy>::HUB, #wire, #payload).await
        }
    }
}
