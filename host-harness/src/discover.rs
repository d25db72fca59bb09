//! Where the module lies when nobody says.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::HarnessError;
use crate::text::printable;

/// File name of the plain guest for hosts with 128-bit vectors.
pub const MODULE_FILE: &str = "whose-plain.simd128.wasm";

/// Finds the module: the one named, else the one in `WHOSE_MODULE`, else the build beside the
/// executable (`target/guests/`), else the file next to it.
///
/// # Errors
/// [`HarnessError::NoModule`] with the places that were tried.
pub fn module(
    named: Option<&Path>,
    variable: Option<&OsStr>,
    executable: Option<&Path>,
) -> Result<PathBuf, HarnessError> {
    // What a person named is taken as it is: a wrong name must not turn into another module.
    if let Some(named) = named {
        return Ok(named.to_path_buf());
    }
    if let Some(variable) = variable.filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(variable));
    }
    let places = executable
        .and_then(Path::parent)
        .map(places)
        .unwrap_or_default();
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.clone());
    }
    let mut tried = vec!["WHOSE_MODULE is not set".to_owned()];
    tried.extend(
        places
            .iter()
            .map(|place| format!("not at {}", printable(&place.display().to_string(), 512))),
    );
    Err(HarnessError::NoModule { tried })
}

/// The places for an executable in `folder`: `target/guests` for `target/PROFILE/whose` and for the
/// deeper `target/PROFILE/deps/`, then the folder itself.
fn places(folder: &Path) -> Vec<PathBuf> {
    let target = folder
        .ancestors()
        .skip(1)
        .take(3)
        .find(|up| up.file_name() == Some(OsStr::new("target")));
    let beside = target
        .or_else(|| folder.parent())
        .map(|up| up.join("guests").join(MODULE_FILE));
    beside
        .into_iter()
        .chain([folder.join(MODULE_FILE)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_wins_over_the_variable_over_the_build() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let release = root.path().join("target/release");
        let guests = root.path().join("target/guests");
        std::fs::create_dir_all(&release).expect("made");
        std::fs::create_dir_all(&guests).expect("made");
        let executable = release.join("whose");

        let error = module(None, None, Some(&executable)).expect_err("nothing is there");
        let text = error.to_string();
        assert!(
            text.contains("cargo xtask demo")
                && text.contains("--module")
                && text.contains("WHOSE_MODULE"),
            "{text}"
        );

        std::fs::write(release.join(MODULE_FILE), b"x").expect("written");
        assert_eq!(
            module(None, None, Some(&executable)),
            Ok(release.join(MODULE_FILE))
        );
        std::fs::write(guests.join(MODULE_FILE), b"x").expect("written");
        assert_eq!(
            module(None, None, Some(&executable)),
            Ok(guests.join(MODULE_FILE))
        );
        assert_eq!(
            module(None, None, Some(&release.join("deps/test"))),
            Ok(guests.join(MODULE_FILE))
        );
        assert_eq!(
            module(None, Some(OsStr::new("v.wasm")), Some(&executable)),
            Ok("v.wasm".into())
        );
        assert_eq!(
            module(None, Some(OsStr::new("")), Some(&executable)),
            Ok(guests.join(MODULE_FILE))
        );
        let named = module(
            Some(Path::new("n.wasm")),
            Some(OsStr::new("v.wasm")),
            Some(&executable),
        );
        assert_eq!(named, Ok("n.wasm".into()));
    }
}
