//! What the attributes say about mistakes: one file for each message, and what compiles. `TRYBUILD=overwrite` rewrites the
//! messages.

#[test]
fn every_mistake_is_told_where_it_is() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

#[test]
fn what_is_right_compiles() {
    trybuild::TestCases::new().pass("tests/pass/*.rs");
}
