//! The parsed item to its [`Model`]: every rule of what a hub may look like is here. Collects all mistakes before giving
//! up; a method with a mistake is left out of the model.

mod authorize;
mod lifecycle;
mod method;
#[cfg(test)]
mod tests;

use syn::{Generics, ImplItem, ItemImpl, ItemTrait, Type};

use crate::model::{
    CallbacksModel, ContractModel, HubModel, ImplementationModel, MethodModel, Model, Moment,
};
use crate::names;
use crate::recover::Errors;
use crate::syntax::{Block, Helper, Kind, Options, Source};
use method::Role;

/// `None` when there is nothing sound to generate.
pub(crate) fn check(source: &Source, errors: &mut Errors) -> Option<Model> {
    let Source {
        options, helpers, ..
    } = source;
    match (&source.item, source.kind) {
        (Block::Impl(item), _) if item.trait_.is_some() => {
            implementation(item, options, helpers, errors).map(Model::Implementation)
        }
        (Block::Impl(item), _) => hub(item, options, helpers, errors).map(Model::Hub),
        (Block::Trait(item), Kind::Hub) => {
            Some(Model::Contract(contract(item, options, helpers, errors)))
        }
        (Block::Trait(item), Kind::Client) => {
            callbacks(item, options, helpers, errors).map(Model::Callbacks)
        }
    }
}

fn hub(
    item: &ItemImpl,
    options: &Options,
    helpers: &[Helper],
    errors: &mut Errors,
) -> Option<HubModel> {
    let own_name = type_name(&item.self_ty, errors)?;
    discoverable(&item.generics, options, errors);
    let mut methods = Vec::new();
    let mut lifecycle = Vec::new();
    for (function, helper) in functions(item).zip(helpers) {
        if helper.skip.is_some() || function.sig.receiver().is_none() {
            not_called(function, helper, errors);
        } else if let Some(moment) = Moment::of(&function.sig.ident) {
            if let Some(name) = &helper.name {
                errors.on(
                    name,
                    format!("`{}` is not called by name: remove this", moment.name()),
                );
            }
            authorize::of_lifecycle(moment, &helper.authorize, errors);
            lifecycle.extend(method::lifecycle(
                moment,
                &function.sig,
                &function.attrs,
                errors,
            ));
        } else {
            methods.extend(method::method(
                Role::Hub,
                &function.sig,
                &function.attrs,
                helper,
                errors,
            ));
        }
    }
    unique(&methods, Role::Hub, errors);
    let twice = lifecycle::written_twice(functions(item).zip(helpers), errors);
    lifecycle.retain(|method| !twice.contains(&method.moment));
    Some(HubModel {
        name: hub_name(options, own_name, errors),
        ty: (*item.self_ty).clone(),
        generics: item.generics.clone(),
        methods,
        lifecycle,
        authorize: authorize::of_hub(&options.authorize, errors),
        sequential: options.sequential.is_some(),
        discover: options.discover.is_some(),
    })
}

fn not_called(function: &syn::ImplItemFn, helper: &Helper, errors: &mut Errors) {
    let (name, condition) = if helper.skip.is_some() {
        (
            "a skipped method has no name for callers: write `skip` or `name`, not both".to_owned(),
            "nobody can call a skipped method: write `skip` or `authorize`, not both".to_owned(),
        )
    } else {
        let message = format!(
            "`{}` has no `&self`, so it is no hub method: add `&self` or remove this",
            function.sig.ident
        );
        (message.clone(), message)
    };
    if let Some(given) = &helper.name {
        errors.on(given, name);
    }
    authorize::refuse(&helper.authorize, &condition, errors);
}

fn implementation(
    item: &ItemImpl,
    options: &Options,
    helpers: &[Helper],
    errors: &mut Errors,
) -> Option<ImplementationModel> {
    let (_, contract, _) = item.trait_.as_ref()?;
    discoverable(&item.generics, options, errors);
    if let Some(name) = &options.name {
        errors.on(
            name,
            "the contract names the hub: put `#[hub(name = \"..\")]` on the trait",
        );
    }
    authorize::refuse(
        &options.authorize,
        "the contract says who may pass: put `#[hub(authorize ..)]` on the trait",
        errors,
    );
    for (function, helper) in functions(item).zip(helpers) {
        match Moment::of(&function.sig.ident) {
            Some(moment) => authorize::of_lifecycle(moment, &helper.authorize, errors),
            None => authorize::refuse(
                &helper.authorize,
                "the contract says who may call: put `#[hub(authorize ..)]` on the trait's method",
                errors,
            ),
        }
        if let Some(name) = &helper.name {
            errors.on(
                name,
                "the contract names its methods: put `#[hub(name = \"..\")]` on the trait's method",
            );
        }
        if let Some(skip) = helper.skip {
            errors.at(
                skip,
                "every method of a contract is called by clients: put helpers into another `impl` and remove this",
            );
        }
    }
    lifecycle::written_twice(functions(item).zip(helpers), errors);
    Some(ImplementationModel {
        contract: contract.clone(),
        ty: (*item.self_ty).clone(),
        generics: item.generics.clone(),
        sequential: options.sequential.is_some(),
        discover: options.discover.is_some(),
    })
}

fn contract(
    item: &ItemTrait,
    options: &Options,
    helpers: &[Helper],
    errors: &mut Errors,
) -> ContractModel {
    no_discover(options, "a contract", errors);
    no_order(
        options,
        "a contract does not say how its calls run: put `sequential` on the `impl`",
        errors,
    );
    let generic = generics(&item.generics, "a contract", errors);
    let mut methods = Vec::new();
    let mut declared = Vec::new();
    for (function, helper) in declarations(item, "a contract", errors)
        .into_iter()
        .zip(helpers)
    {
        let name = &function.sig.ident;
        no_skip(helper, errors);
        if let Some(moment) = Moment::of(name) {
            declared.push(moment);
            errors.on(
                name,
                format!(
                    "`{name}` is part of every contract: remove it here and write it in the `impl`"
                ),
            );
            continue;
        }
        methods.extend(method::method(
            Role::Contract,
            &function.sig,
            &function.attrs,
            helper,
            errors,
        ));
    }
    unique(&methods, Role::Contract, errors);
    if generic {
        methods.clear();
    }
    ContractModel {
        name: hub_name(options, names::wire(&item.ident), errors),
        ident: item.ident.clone(),
        vis: item.vis.clone(),
        methods,
        authorize: authorize::of_hub(&options.authorize, errors),
        declared,
        generic,
    }
}

fn callbacks(
    item: &ItemTrait,
    options: &Options,
    helpers: &[Helper],
    errors: &mut Errors,
) -> Option<CallbacksModel> {
    no_discover(options, "a trait of callbacks", errors);
    no_order(
        options,
        "callbacks come in the order in which they are sent: put `sequential` on the hub, which clients call",
        errors,
    );
    authorize::of_callbacks(&options.authorize, errors);
    if let Some(name) = &options.name {
        errors.on(
            name,
            "callbacks belong to the hub that calls them: remove the name",
        );
    }
    let generic = generics(&item.generics, "a trait of callbacks", errors);
    let mut methods = Vec::new();
    let mut broken = Vec::new();
    for (function, helper) in declarations(item, "a trait of callbacks", errors)
        .into_iter()
        .zip(helpers)
    {
        no_skip(helper, errors);
        let name = &function.sig.ident;
        if ["send", "send_payload", "except"]
            .iter()
            .any(|own| name == own)
        {
            errors.on(
                name,
                format!(
                    "`{name}` is a method of `Audience`: name the callback otherwise and add `#[hub(name = \"{}\")]`",
                    names::wire(name)
                ),
            );
            broken.push(function.sig.clone());
            continue;
        }
        match method::method(
            Role::Callback,
            &function.sig,
            &function.attrs,
            helper,
            errors,
        ) {
            Some(method) => methods.push(method),
            None => broken.push(function.sig.clone()),
        }
    }
    unique(&methods, Role::Callback, errors);
    (!generic).then(|| CallbacksModel {
        ident: item.ident.clone(),
        vis: item.vis.clone(),
        methods,
        broken,
    })
}

fn functions(item: &ItemImpl) -> impl Iterator<Item = &syn::ImplItemFn> {
    item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(function) => Some(function),
        _ => None,
    })
}

/// The methods of a trait, which may have nothing else.
fn declarations<'a>(
    item: &'a ItemTrait,
    what: &str,
    errors: &mut Errors,
) -> Vec<&'a syn::TraitItemFn> {
    let mut declarations = Vec::new();
    for item in &item.items {
        match item {
            syn::TraitItem::Fn(function) => declarations.push(function),
            other => errors.on(
                other,
                format!("{what} has only methods: move this out of the trait"),
            ),
        }
    }
    declarations
}

fn hub_name(options: &Options, own: String, errors: &mut Errors) -> String {
    let Some(name) = &options.name else {
        return own;
    };
    let Some(given) = method::given_name(name, errors) else {
        return own;
    };
    if given.contains('.') {
        errors.on(
            name,
            "a hub's name has no `.`: topics and proxies use it to separate names",
        );
        return own;
    }
    given
}

fn type_name(ty: &Type, errors: &mut Errors) -> Option<String> {
    if let Type::Path(path) = ty
        && let Some(last) = path.path.segments.last()
    {
        return Some(names::wire(&last.ident));
    }
    errors.on(
        ty,
        "a hub is a type of your crate: write `impl ChatHub { .. }`",
    );
    None
}

fn discoverable(generics: &Generics, options: &Options, errors: &mut Errors) {
    if let Some(place) = options.discover
        && !generics.params.is_empty()
    {
        errors.at(
            place,
            "a generic hub can't announce itself: hand its value to the server with `.hub(..)`",
        );
    }
}

fn no_discover(options: &Options, what: &str, errors: &mut Errors) {
    if let Some(place) = options.discover {
        errors.at(
            place,
            format!("{what} has no value to announce: put `discover` on the `impl`"),
        );
    }
}

fn no_order(options: &Options, message: &str, errors: &mut Errors) {
    if let Some(place) = options.sequential {
        errors.at(place, message);
    }
}

fn no_skip(helper: &Helper, errors: &mut Errors) {
    if let Some(place) = helper.skip {
        errors.at(
            place,
            "every method of this trait is called by name: move the helper out of the trait",
        );
    }
}

fn generics(generics: &Generics, what: &str, errors: &mut Errors) -> bool {
    if generics.params.is_empty() {
        return false;
    }
    errors.on(
        &generics.params,
        format!("{what} has one form on the wire: remove the parameters and name the types"),
    );
    true
}

/// Reports methods that a call could not tell from an earlier one.
fn unique(methods: &[MethodModel], role: Role, errors: &mut Errors) {
    let overloads = role != Role::Callback;
    for (second, first) in names::clashes(methods, overloads) {
        let (own, other, wire) = (&second.ident, &first.ident, &second.wire);
        let message = if overloads {
            format!(
                "`{own}` answers to the same calls as `{other}`: methods named `{wire}` have to differ in how many \
                 arguments they take; write `#[hub(name = \"..\")]` on one"
            )
        } else {
            format!(
                "`{own}` has the same name on the wire as `{other}`: write `#[hub(name = \"..\")]` on one"
            )
        };
        errors.on(own, message);
        errors.on(
            other,
            format!("`{other}`, which `{own}` clashes with, is here"),
        );
    }
}
