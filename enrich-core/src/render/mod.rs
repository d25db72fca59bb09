//! Render: context as bytes.

pub(crate) mod json;
pub(crate) mod keys;
pub(crate) mod native;
mod reasons;
pub(crate) mod record;
