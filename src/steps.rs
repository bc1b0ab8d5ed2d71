//! A path taken step by step, for those who follow its links themselves.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// To `/`.
    Root,
    /// To the folder above.
    Up,
    /// To what has this name.
    Down(OsString),
}

/// The steps of a path; what a link leads to may be put before those that are left.
pub(crate) fn steps(path: &Path) -> VecDeque<Step> {
    let step = |component| match component {
        Component::RootDir => Some(Step::Root),
        Component::ParentDir => Some(Step::Up),
        Component::Normal(name) => Some(Step::Down(name.to_owned())),
        Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(step).collect()
}
