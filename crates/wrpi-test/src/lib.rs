//! Real parts for the tests of the other crates, none of which it knows.
