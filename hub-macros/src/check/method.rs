//! One method: its receiver, which parameter is what, its result, its name.

use proc_macro2::Span;
use quote::format_ident;
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{
    Attribute, FnArg, GenericArgument, GenericParam, Ident, LitStr, Pat, PatType, PathArguments,
    ReturnType, Signature, Type, TypeReference,
};

use super::authorize;
use crate::model::{ArgModel, LifecycleModel, MethodModel, Moment, Output};
use crate::names;
use crate::recover::Errors;
use crate::syntax::Helper;

/// What a method is for; the rules differ a little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A method of a plain hub.
    Hub,
    /// A method of a contract.
    Contract,
    /// A callback.
    Callback,
}

/// The most values that a tuple can hand to serde: what a proxy or an audience sends can also be sent by hand.
const MOST_ARGUMENTS: usize = 16;

/// Checks one method; `None` if it has a mistake.
pub(super) fn method(
    role: Role,
    sig: &Signature,
    attrs: &[Attribute],
    helper: &Helper,
    errors: &mut Errors,
) -> Option<MethodModel> {
    // A mistake in who may call leaves a method that can be called.
    let authorize = authorize::of_method(role, &helper.authorize, errors);
    let before = errors.count();
    shape(role, sig, errors);
    let mut params = sig.inputs.iter().filter_map(typed).peekable();
    let context = params.next_if(|first| role != Role::Callback && is_context(first));
    if let Some(context) = context {
        check_context(&context.ty, errors);
    }
    let mut params: Vec<_> = params.collect();
    let progress =
        params.pop_if(|last| last_segment(&last.ty).is_some_and(|last| last.ident == "Progress"));
    if let (Some(progress), Role::Callback) = (progress, role) {
        errors.on(
            &progress.ty,
            "a callback has no progress: remove this parameter",
        );
    }
    let args = arguments(role, &params, errors);
    if role != Role::Hub && args.len() > MOST_ARGUMENTS {
        errors.on(
            &sig.ident,
            format!(
                "`{}` has {} arguments: put some together into a struct, {MOST_ARGUMENTS} are the most",
                sig.ident,
                args.len()
            ),
        );
    }
    let output = output(role, sig, errors);
    let wire = helper.name.as_ref().map_or_else(
        || Some(names::wire(&sig.ident)),
        |name| given_name(name, errors),
    );
    if errors.count() > before {
        return None;
    }
    Some(MethodModel {
        ident: sig.ident.clone(),
        wire: wire?,
        cfgs: with_names(attrs, &["cfg"]),
        docs: with_names(attrs, &["doc", "deprecated"]),
        is_async: sig.asyncness.is_some(),
        context: context.map(|context| (*context.ty).clone()),
        optional: args.iter().filter(|arg| arg.optional.is_some()).count(),
        args,
        progress: progress.map(|progress| (*progress.ty).clone()),
        output,
        authorize,
    })
}

/// Checks a lifecycle method of a plain hub.
pub(super) fn lifecycle(
    moment: Moment,
    sig: &Signature,
    attrs: &[Attribute],
    errors: &mut Errors,
) -> Option<LifecycleModel> {
    let before = errors.count();
    shape(Role::Hub, sig, errors);
    let mut params = sig.inputs.iter().filter_map(typed).peekable();
    let context = params.next_if(|first| moment.has_context() && is_context(first));
    let detail =
        params.next_if(|detail| moment.has_detail() && !matches!(*detail.ty, Type::Reference(_)));
    if let Some(surplus) = params.next() {
        errors.on(
            surplus,
            format!(
                "`{}` is called by the server: write `{}`",
                moment.name(),
                moment.signature()
            ),
        );
    }
    let fallible = match &sig.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) if is_unit(ty) => None,
        ReturnType::Type(_, ty) => {
            if last_segment(ty).is_none_or(|last| last.ident != "Result") {
                errors.on(
                    ty,
                    format!(
                        "`{}` has nobody to give a result to: return nothing or `Result<(), HubError>`",
                        moment.name()
                    ),
                );
            }
            Some((**ty).clone())
        }
    };
    (errors.count() == before).then(|| LifecycleModel {
        moment,
        ident: sig.ident.clone(),
        cfgs: with_names(attrs, &["cfg"]),
        is_async: sig.asyncness.is_some(),
        context: context.map(|context| (*context.ty).clone()),
        detail: detail.map(|detail| (*detail.ty).clone()),
        fallible,
    })
}

/// A name given with `name = ".."`.
pub(super) fn given_name(name: &LitStr, errors: &mut Errors) -> Option<String> {
    let given = name.value();
    if given.is_empty() {
        errors.on(name, "a name can't be empty: write it or remove `name`");
        return None;
    }
    Some(given)
}

fn shape(role: Role, sig: &Signature, errors: &mut Errors) {
    let shared = |receiver: &&syn::Receiver| {
        receiver.reference.is_some()
            && receiver.mutability.is_none()
            && receiver.colon_token.is_none()
    };
    match (sig.receiver(), role) {
        (Some(receiver), _) if shared(&receiver) => {}
        (Some(receiver), Role::Hub) => errors.on(
            receiver,
            "one hub value serves all calls: write `&self`, or put `#[hub(skip)]` on the method",
        ),
        (Some(receiver), _) => {
            errors.on(receiver, "one value serves all calls: write `&self`");
        }
        (None, _) => errors.on(&sig.ident, "one value serves all calls: add `&self`"),
    }
    for param in &sig.generics.params {
        if !matches!(param, GenericParam::Lifetime(_)) {
            errors.on(
                param,
                "callers can't say which type they mean: name the type instead of this parameter",
            );
        }
    }
    if role == Role::Callback && sig.asyncness.is_none() {
        errors.on(&sig.fn_token, "sending takes time: write `async fn`");
    }
    if let Some(token) = &sig.unsafety {
        errors.on(
            token,
            "clients can't promise what `unsafe` asks for: remove it",
        );
    }
}

fn typed(input: &FnArg) -> Option<&PatType> {
    match input {
        FnArg::Typed(param) => Some(param),
        FnArg::Receiver(_) => None,
    }
}

/// The one rule: arguments are owned, so a first parameter that is a reference is the context.
fn is_context(first: &PatType) -> bool {
    matches!(*first.ty, Type::Reference(_))
}

fn check_context(ty: &Type, errors: &mut Errors) {
    let Type::Reference(reference) = ty else {
        return;
    };
    if reference.mutability.is_some() {
        errors.on(ty, "the context is shared: write `&Context`");
    } else if !matches!(*reference.elem, Type::Path(_)) || is_str(&reference.elem) {
        errors.on(ty, not_owned(Role::Hub, reference));
    }
}

fn arguments(role: Role, params: &[&PatType], errors: &mut Errors) -> Vec<ArgModel> {
    let trailing = params
        .iter()
        .rev()
        .take_while(|param| option_of(&param.ty).is_some())
        .count();
    let first_optional = params.len() - trailing;
    let mut args = Vec::with_capacity(params.len());
    for (place, param) in params.iter().enumerate() {
        Owned { role, errors }.visit_type(&param.ty);
        if last_segment(&param.ty).is_some_and(|last| last.ident == "Progress") {
            errors.on(
                &param.ty,
                "progress comes last: move this parameter behind the arguments",
            );
        }
        let named = match &*param.pat {
            Pat::Ident(name) => Some(&name.ident),
            _ => None,
        };
        if role != Role::Hub && named.is_none() {
            errors.on(
                &param.pat,
                "the argument needs a name here: write `name: Type`",
            );
        }
        let ident = named
            .cloned()
            .unwrap_or_else(|| unnamed(place, param.pat.span()));
        args.push(ArgModel {
            wire: names::wire(&ident),
            ident,
            ty: (*param.ty).clone(),
            optional: option_of(&param.ty)
                .filter(|_| place >= first_optional)
                .cloned(),
        });
    }
    args
}

fn unnamed(place: usize, span: Span) -> Ident {
    format_ident!("arg{place}", span = span)
}

/// Finds what can't be an owned argument of one type.
struct Owned<'a> {
    role: Role,
    errors: &'a mut Errors,
}

impl<'ast> Visit<'ast> for Owned<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.errors.on(reference, not_owned(self.role, reference));
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast syn::TypeImplTrait) {
        self.errors.on(
            ty,
            "callers can't say which type they mean: name one type instead of `impl`",
        );
    }

    // What a function or trait object takes is not part of the argument.
    fn visit_type_bare_fn(&mut self, _: &'ast syn::TypeBareFn) {}
    fn visit_type_trait_object(&mut self, _: &'ast syn::TypeTraitObject) {}
}

fn not_owned(role: Role, reference: &TypeReference) -> String {
    let context = |ty| last_segment(ty).is_some_and(|last| last.ident == "Context");
    match &*reference.elem {
        ty if context(ty) && role == Role::Callback => {
            "a callback has no context: remove this parameter".to_owned()
        }
        ty if context(ty) => {
            "the context comes first: move this parameter in front of the arguments".to_owned()
        }
        ty => format!("hub arguments are owned: use `{}`", owned(ty)),
    }
}

/// What to write for a reference to this type.
fn owned(ty: &Type) -> String {
    match ty {
        ty if is_str(ty) => "String".to_owned(),
        Type::Slice(slice) => format!("Vec<{}>", names::written(&slice.elem)),
        ty => names::written(ty),
    }
}

fn output(role: Role, sig: &Signature, errors: &mut Errors) -> Output {
    let unit = || syn::parse_quote_spanned!(sig.ident.span()=> ());
    let whole = match &sig.output {
        ReturnType::Default => unit(),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    let result = last_segment(&whole).filter(|last| last.ident == "Result");
    let fallible = result.is_some();
    let error = result.and_then(|result| types(&result.arguments).nth(1));
    let error = error.unwrap_or(&whole).clone();
    let value = match result {
        Some(result) => types(&result.arguments)
            .next()
            .cloned()
            .unwrap_or_else(unit),
        None => whole.clone(),
    };
    if role == Role::Callback && !(fallible && is_unit(&value)) {
        let message = "clients don't answer, and sending can fail: return `Result<(), HubError>`";
        match &sig.output {
            ReturnType::Default => errors.on(&sig.ident, message),
            ReturnType::Type(_, ty) => errors.on(ty, message),
        }
    } else if let Type::ImplTrait(_) = whole {
        errors.on(
            &whole,
            "the result's type has to be known: write `async fn` and name the type",
        );
    } else if role == Role::Contract {
        references(&value, errors);
    }
    Output {
        fallible,
        value,
        error,
        whole,
    }
}

/// A proxy has nothing that a result could be borrowed from.
fn references(value: &Type, errors: &mut Errors) {
    let Type::Reference(reference) = value else {
        return;
    };
    errors.on(
        value,
        format!("hub results are owned: use `{}`", owned(&reference.elem)),
    );
}

fn option_of(ty: &Type) -> Option<&Type> {
    let last = last_segment(ty).filter(|last| last.ident == "Option")?;
    types(&last.arguments).next()
}

fn types(arguments: &PathArguments) -> impl Iterator<Item = &Type> {
    let arguments = match arguments {
        PathArguments::AngleBracketed(arguments) => Some(arguments.args.iter()),
        _ => None,
    };
    arguments
        .into_iter()
        .flatten()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
}

fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

fn is_str(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == "str")
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

fn with_names(attrs: &[Attribute], names: &[&str]) -> Vec<Attribute> {
    let wanted = |attr: &&Attribute| names.iter().any(|name| attr.path().is_ident(name));
    attrs.iter().filter(wanted).cloned().collect()
}
