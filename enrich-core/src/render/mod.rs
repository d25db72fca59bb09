//! Render: context as bytes.

pub(crate) mod json;
pub(crate) mod keys;
pub(crate) mod native;
pub(crate) mod record;
mod reasons;
