//! Who a server is in a description.
