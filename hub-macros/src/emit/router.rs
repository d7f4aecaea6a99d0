//! `impl Hub`: the spec, the call by index, the lifecycle and the registration.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Type;

use super::{Root, at, quiet};
use crate::model::{
    ContractModel, HubModel, ImplementationModel, LifecycleModel, MethodModel, Moment, Output,
};
use crate::names;

/// `impl Hub` for a plain hub.
pub(super) fn hub(root: &Root, hub: &HubModel) -> TokenStream {
    let HubModel { ty, generics, .. } = hub;
    let (params, _, bounds) = generics.split_for_impl();
    let spec = spec(root, &hub.name, &hub.methods);
    let call = call(root, &quote!(__HUB_SPEC), &quote!(Self), &hub.methods);
    let lifecycle = hub.lifecycle.iter().map(|method| lifecycle(root, method));
    let register = hub
        .discover
        .then(|| register(root, ty, &quote!(&__HUB_SPEC)));
    let quiet = quiet();
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            static __HUB_SPEC: #root::HubSpec = #spec;

            #quiet
            impl #params #root::Hub for #ty #bounds {
                fn spec(&self) -> &'static #root::HubSpec {
                    &__HUB_SPEC
                }

                fn call<'call>(
                    &'call self,
                    cx: &'call #root::Context,
                    method: usize,
                    mut args: #root::Args,
                ) -> #root::BoxFuture<'call, #root::Result<#root::Reply, #root::HubError>> {
                    #call
                }

                #(#lifecycle)*
            }

            #register
        };
    }
}

/// `impl Hub` for a type that keeps a contract: everything is in the contract's trait already.
pub(super) fn implementation(root: &Root, hub: &ImplementationModel) -> TokenStream {
    let ImplementationModel {
        contract,
        ty,
        generics,
        ..
    } = hub;
    let (params, _, bounds) = generics.split_for_impl();
    let place = at(contract);
    let contract_of_self = quote_spanned!(place=> <Self as #contract>);
    let spec = quote_spanned!(place=> #contract_of_self::__HUB_SPEC);
    let call = quote_spanned!(place=> #contract_of_self::__hub_call);
    let lifecycle = [Moment::Connected, Moment::Reconnected, Moment::Disconnected].map(|moment| {
        let (signature, detail) = moment_signature(root, moment);
        let name = Ident::new(moment.name(), Span::mixed_site());
        let detail = detail.map(|detail| Ident::new(detail, Span::mixed_site()));
        let detail = detail.iter();
        quote_spanned! {Span::mixed_site()=>
            #signature {
                #root::Box::pin(#contract_of_self::#name(self, cx #(, #detail)*))
            }
        }
    });
    let register = hub.discover.then(|| {
        register(
            root,
            ty,
            &quote_spanned!(place=> <#ty as #contract>::__HUB_SPEC),
        )
    });
    let quiet = quiet();
    quote_spanned! {Span::mixed_site()=>
        const _: () = {
            #quiet
            impl #params #root::Hub for #ty #bounds {
                fn spec(&self) -> &'static #root::HubSpec {
                    #spec
                }

                fn call<'call>(
                    &'call self,
                    cx: &'call #root::Context,
                    method: usize,
                    args: #root::Args,
                ) -> #root::BoxFuture<'call, #root::Result<#root::Reply, #root::HubError>> {
                    #call(self, cx, method, args)
                }

                #(#lifecycle)*
            }

            #register
        };
    }
}

/// What a contract's trait provides beside its methods.
pub(super) fn contract(root: &Root, contract: &ContractModel) -> TokenStream {
    let ident = &contract.ident;
    let spec = spec(root, &contract.name, &contract.methods);
    let call = call(
        root,
        &quote!(Self::__HUB_SPEC),
        &quote!(<Self as #ident>),
        &contract.methods,
    );
    let result = quote!(#root::Result<(), #root::HubError>);
    let future = quote!(impl #root::Future<Output = #result> + #root::Send);
    let allow =
        quote!(#[allow(unused, deprecated, clippy::all, clippy::pedantic, clippy::nursery)]);
    quote_spanned! {Span::mixed_site()=>
        /// A connection that listed this hub has started. Does nothing unless it is written.
        ///
        /// # Errors
        /// An error refuses the connection.
        #allow
        fn on_connected(&self, cx: &#root::Context) -> #future {
            #root::ready(#root::Ok(()))
        }

        /// A connection came back. Does nothing unless it is written.
        ///
        /// # Errors
        /// An error is logged.
        #allow
        fn on_reconnected(&self, cx: &#root::Context, resumed: #root::Resumed) -> #future {
            #root::ready(#root::Ok(()))
        }

        /// A connection has ended: `stopped` by its client, or lost. Does nothing unless it is written.
        ///
        /// # Errors
        /// An error is logged.
        #allow
        fn on_disconnected(&self, cx: &#root::Context, stopped: bool) -> #future {
            #root::ready(#root::Ok(()))
        }

        #[doc(hidden)]
        const __HUB_SPEC: &'static #root::HubSpec = &#spec;

        #[doc(hidden)]
        #allow
        fn __hub_call<'call>(
            &'call self,
            cx: &'call #root::Context,
            method: usize,
            mut args: #root::Args,
        ) -> #root::BoxFuture<'call, #root::Result<#root::Reply, #root::HubError>> {
            #call
        }
    }
}

fn spec(root: &Root, name: &str, methods: &[MethodModel]) -> TokenStream {
    let methods = methods.iter().map(|method| {
        let MethodModel {
            wire,
            cfgs,
            optional,
            ..
        } = method;
        let params = method.args.iter().map(|arg| {
            let (name, ty) = (&arg.wire, names::written(&arg.ty));
            quote_spanned!(Span::mixed_site()=> #root::ParamSpec { name: #name, ty: #ty })
        });
        let returns = names::written(&method.output.value);
        quote_spanned! {Span::mixed_site()=>
            #(#cfgs)*
            #root::MethodSpec {
                name: #wire,
                params: &[#(#params),*],
                optional: #optional,
                returns: #returns,
            }
        }
    });
    quote_spanned! {Span::mixed_site()=>
        #root::HubSpec {
            name: #name,
            methods: &[#(#methods),*],
        }
    }
}

/// The body of `call`: reads the arguments of the method at `method`, then boxes what calls it.
fn call(
    root: &Root,
    spec: &TokenStream,
    target: &TokenStream,
    methods: &[MethodModel],
) -> TokenStream {
    let by_place = methods.iter().all(|method| method.cfgs.is_empty());
    let places = (!by_place).then(|| {
        let places = methods.iter().map(|method| {
            let (ident, cfgs) = (&method.ident, &method.cfgs);
            quote!(#(#cfgs)* #ident)
        });
        // What `#[cfg]` leaves counts itself.
        quote_spanned! {Span::mixed_site()=>
            #[allow(non_camel_case_types)]
            enum Place { #(#places),* }
        }
    });
    let arms = methods.iter().enumerate().map(|(place, method)| {
        let (ident, cfgs) = (&method.ident, &method.cfgs);
        let body = arm(root, target, method);
        if by_place {
            quote_spanned!(Span::mixed_site()=> #place => { #body })
        } else {
            quote_spanned! {Span::mixed_site()=>
                #(#cfgs)*
                place if place == Place::#ident as usize => { #body }
            }
        }
    });
    quote_spanned! {Span::mixed_site()=>
        #places
        if !#root::fits(&#spec, method, &args) {
            return #root::refuse(#root::no_such_method());
        }
        match method {
            #(#arms)*
            _ => #root::refuse(#root::no_such_method()),
        }
    }
}

fn arm(root: &Root, target: &TokenStream, method: &MethodModel) -> TokenStream {
    let refuse = quote_spanned!(Span::mixed_site()=> #root::refuse);
    let (locals, read) = read_arguments(root, &refuse, method);
    let context = method.context.iter().map(|ty| quote_spanned!(at(ty)=> cx));
    let progress = method
        .progress
        .iter()
        .map(|ty| quote_spanned!(at(ty)=> #root::Context::progress(cx)));
    let ident = &method.ident;
    let wait = method.is_async.then(|| quote_spanned!(at(ident)=> .await));
    let call = quote_spanned! {at(ident)=>
        #target::#ident(self, #(#context,)* #(#locals,)* #(#progress,)*) #wait
    };
    let Output {
        fallible,
        value,
        whole,
    } = &method.output;
    let reply = quote_spanned!(at(value)=> #root::Reply::of(&value));
    let answer = if *fallible {
        let convert = quote_spanned!(at(whole)=> #root::Into::into(error));
        quote_spanned! {Span::mixed_site()=>
            match #call {
                #root::Ok(value) => #reply,
                #root::Err(error) => #root::Err(#convert),
            }
        }
    } else {
        quote_spanned! {Span::mixed_site()=>
            let value = #call;
            #reply
        }
    };
    quote_spanned! {at(ident)=>
        #read
        #root::Box::pin(async move { #answer })
    }
}

/// Locals for a method's arguments, and statements that read them from `args`. An argument that can't be read ends the
/// function with `refuse(error)`.
pub(super) fn read_arguments(
    root: &Root,
    refuse: &TokenStream,
    method: &MethodModel,
) -> (Vec<Ident>, TokenStream) {
    let mut locals = Vec::new();
    let mut read = TokenStream::new();
    for (place, arg) in method.args.iter().enumerate() {
        let local = format_ident!("arg{place}", span = Span::mixed_site());
        let name = &arg.wire;
        let next = match &arg.optional {
            Some(ty) => quote_spanned!(at(ty)=> args.next_or_none::<#ty>(#name)),
            None => {
                let ty = &arg.ty;
                quote_spanned!(at(ty)=> args.next::<#ty>(#name))
            }
        };
        read.extend(quote_spanned! {Span::mixed_site()=>
            let #local = match #next {
                #root::Ok(value) => value,
                #root::Err(error) => return #refuse(error),
            };
        });
        locals.push(local);
    }
    (locals, read)
}

/// A lifecycle method's signature in trait `Hub`, and the name of its parameter behind the context.
fn moment_signature(root: &Root, moment: Moment) -> (TokenStream, Option<&'static str>) {
    let name = moment.name().trim_start_matches("on_");
    let (detail, ty) = match moment {
        Moment::Connected => (None, None),
        Moment::Reconnected => (Some("resumed"), Some(quote!(#root::Resumed))),
        Moment::Disconnected => (Some("stopped"), Some(quote!(bool))),
    };
    let name = Ident::new(name, Span::mixed_site());
    let param = detail.map(|detail| Ident::new(detail, Span::mixed_site()));
    let param = param.iter();
    let ty = ty.iter();
    let signature = quote_spanned! {Span::mixed_site()=>
        fn #name<'call>(
            &'call self,
            cx: &'call #root::Context
            #(, #param: #ty)*
        ) -> #root::BoxFuture<'call, #root::Result<(), #root::HubError>>
    };
    (signature, detail)
}

fn lifecycle(root: &Root, method: &LifecycleModel) -> TokenStream {
    let LifecycleModel { ident, cfgs, .. } = method;
    let (signature, detail) = moment_signature(root, method.moment);
    let context = method.context.iter().map(|ty| quote_spanned!(at(ty)=> cx));
    let detail = method.detail.iter().zip(detail);
    let detail = detail.map(|(ty, name)| Ident::new(name, at(ty)));
    let wait = method.is_async.then(|| quote_spanned!(at(ident)=> .await));
    let call = quote_spanned! {at(ident)=>
        Self::#ident(self, #(#context,)* #(#detail,)*) #wait
    };
    let answer = match &method.fallible {
        Some(whole) => {
            let convert = quote_spanned!(at(whole)=> #root::Into::into(error));
            quote_spanned! {at(whole)=>
                match #call {
                    #root::Ok(()) => #root::Ok(()),
                    #root::Err(error) => #root::Err(#convert),
                }
            }
        }
        None => quote_spanned!(Span::mixed_site()=> #call; #root::Ok(())),
    };
    quote_spanned! {at(ident)=>
        #(#cfgs)*
        #signature {
            #root::Box::pin(async move { #answer })
        }
    }
}

fn register(root: &Root, ty: &Type, spec: &TokenStream) -> TokenStream {
    // `Default` is asked for at the user's type.
    let value = quote_spanned!(at(ty)=> <#ty as #root::Default>::default());
    quote_spanned! {Span::mixed_site()=>
        #root::inventory::submit! {
            #root::HubRegistration {
                spec: #spec,
                make: || -> #root::Arc<dyn #root::Hub> { #root::Arc::new(#value) },
            }
        }
    }
}
