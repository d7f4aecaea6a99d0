//! `#[hub(authorize ..)]`: what it makes of specs, and who gets past them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use hub_core::{Authorize, Hub, HubSpec, Identity, Request, hub};

mod policy {
    use super::{Identity, Request};

    /// Whoever asks nicely.
    pub(crate) fn polite(_: &Identity, request: &Request) -> bool {
        request.query("please").is_some()
    }
}

struct Plain;

#[hub(authorize = "admin", authorize(users("Ann", "bob")))]
/// Several attributes say as much as one.
#[hub(name = "several", authorize(require_outgoing = false))]
impl Plain {
    async fn open(&self) {}

    #[hub(authorize(roles("op", "boss")), name = "renamed")]
    #[hub(authorize(users("ann")))]
    async fn ops(&self) {}

    #[hub(authorize(check = policy::polite))]
    async fn polite(&self) {}

    #[hub(authorize(check = Self::may, users("ann"), roles("op")))]
    async fn own(&self) {}

    fn may(identity: &Identity, _: &Request) -> bool {
        identity.roles.len() > 1
    }
}

trait Policy {
    fn may(identity: &Identity, request: &Request) -> bool;
}

#[hub(authorize)]
#[hub(authorize(users("x", "y")))]
trait Contract: Policy {
    #[hub(authorize = "op")]
    async fn ops(&self);

    #[hub(authorize(check = Self::may))]
    async fn own(&self);
}

macro_rules! kept {
    ($name:ident, $may:expr) => {
        struct $name;

        impl Policy for $name {
            fn may(_: &Identity, _: &Request) -> bool {
                $may
            }
        }

        #[hub]
        impl Contract for $name {
            async fn ops(&self) {}

            async fn own(&self) {}
        }
    };
}

kept!(Strict, false);
kept!(Lenient, true);

struct Checked;

#[hub(authorize(check = policy::polite))]
impl Checked {
    #[hub(authorize)]
    async fn known(&self) {}
}

struct Open;

#[hub]
impl Open {
    async fn anybody(&self) {}
}

macro_rules! by_macro {
    ($role:literal, $user:expr, $check:path, $required:literal) => {
        struct ByMacro;

        #[hub(authorize = $role, authorize(users($user), check = $check, require_outgoing = $required))]
        impl ByMacro {}
    };
}

by_macro!("op", "ann", policy::polite, false);

fn identity(name: &str, roles: &[&str]) -> Identity {
    Identity {
        name: (!name.is_empty()).then(|| name.into()),
        roles: roles.iter().map(ToString::to_string).collect(),
        ..Identity::default()
    }
}

fn polite() -> Request {
    Request {
        query: vec![("please".into(), "1".into())],
        ..Request::default()
    }
}

fn all(conditions: &[Authorize], identity: &Identity, request: &Request) -> bool {
    let mut conditions = conditions.iter();
    conditions.all(|condition| condition.allows(identity, request))
}

fn listens(spec: &HubSpec, identity: &Identity) -> bool {
    let mut conditions = spec.authorize.iter();
    conditions.all(|condition| condition.allows_receiving(identity, &Request::default()))
}

fn of_method(spec: &HubSpec, name: &str) -> &'static [Authorize] {
    let mut methods = spec.methods.iter();
    methods
        .find(|method| method.name == name)
        .unwrap()
        .authorize
}

/// Whether the method's own conditions let pass, asked impolitely.
fn may(spec: &HubSpec, method: &str, name: &str, roles: &[&str]) -> bool {
    let conditions = of_method(spec, method);
    all(conditions, &identity(name, roles), &Request::default())
}

#[test]
fn all_attributes_of_a_hub_have_to_pass() {
    let spec = Plain.spec();
    assert_eq!(spec.name, "several");
    assert_eq!(spec.authorize.len(), 3);
    let calls = |name, roles: &[&str]| {
        let who = identity(name, roles);
        all(spec.authorize, &who, &Request::default())
    };
    assert!(calls("ANN", &["admin"]));
    assert!(calls("bob", &["x", "admin"]));
    assert!(!calls("ann", &["op"]));
    assert!(!calls("carl", &["admin"]));
    assert!(!calls("", &["admin"]));
}

#[test]
fn each_condition_says_for_itself_whether_it_stands_before_listening() {
    let [role, users, open] = Plain.spec().authorize else {
        panic!("three conditions");
    };
    let (nobody, request) = (Identity::default(), Request::default());
    assert!(!role.allows_receiving(&nobody, &request));
    assert!(!users.allows_receiving(&nobody, &request));
    assert!(open.allows_receiving(&nobody, &request));
    assert!(!open.allows(&nobody, &request));
    assert!(!listens(Plain.spec(), &nobody));
    assert!(listens(Open.spec(), &nobody));
}

#[test]
fn a_method_has_its_own_conditions() {
    let spec = Plain.spec();
    assert!(may(spec, "open", "", &[]));
    assert!(may(spec, "renamed", "ann", &["boss"]));
    assert!(may(spec, "renamed", "ann", &["op"]));
    assert!(!may(spec, "renamed", "bob", &["op"]));
    assert!(!may(spec, "renamed", "ann", &["admin"]));
    assert_eq!(of_method(spec, "renamed").len(), 2);
}

#[test]
fn a_check_is_asked_and_so_are_names_beside_it() {
    let spec = Plain.spec();
    let nobody = Identity::default();
    assert!(!may(spec, "polite", "ann", &[]));
    assert!(all(of_method(spec, "polite"), &nobody, &polite()));
    assert!(may(spec, "own", "ann", &["op", "x"]));
    assert!(!may(spec, "own", "ann", &["op"]));
    assert!(!may(spec, "own", "ann", &["x", "y"]));
    assert!(!may(spec, "own", "bob", &["op", "x"]));
    let spec = Checked.spec();
    assert!(all(spec.authorize, &nobody, &polite()));
    assert!(!all(of_method(spec, "known"), &nobody, &polite()));
}

#[test]
fn a_contract_says_it_for_all_that_keep_it() {
    for (spec, lenient) in [(Strict.spec(), false), (Lenient.spec(), true)] {
        let request = Request::default();
        assert!(all(spec.authorize, &identity("x", &[]), &request));
        assert!(!all(spec.authorize, &identity("ann", &[]), &request));
        assert!(!all(spec.authorize, &identity("", &[]), &request));
        assert!(may(spec, "ops", "x", &["op"]));
        assert!(!may(spec, "ops", "x", &[]));
        assert_eq!(may(spec, "own", "", &[]), lenient);
    }
}

#[test]
fn macros_may_write_it() {
    let spec = ByMacro.spec();
    let ann = identity("ann", &["op"]);
    assert!(all(spec.authorize, &ann, &polite()));
    assert!(!all(spec.authorize, &ann, &Request::default()));
    assert!(!all(spec.authorize, &identity("bob", &["op"]), &polite()));
    let [role, rest] = spec.authorize else {
        panic!("two conditions");
    };
    let nobody = Identity::default();
    assert!(!role.allows_receiving(&nobody, &Request::default()));
    assert!(rest.allows_receiving(&nobody, &Request::default()));
}

#[test]
fn what_says_nothing_is_open() {
    let spec = Open.spec();
    assert!(spec.authorize.is_empty() && of_method(spec, "anybody").is_empty());
}
