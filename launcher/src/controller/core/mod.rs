//! The controller's decisions: state × event × now → effects. Pure.
