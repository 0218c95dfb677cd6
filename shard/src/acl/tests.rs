//! Tests of access control.
