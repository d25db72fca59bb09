//! The npm package: the modules, their glue and what is written by hand, put together and packed.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, While};
use crate::guests::{self, BASELINE, JS, Level, SIMD, Size};
use crate::packages;
use crate::process;
use crate::workspace::Workspace;

/// What is written by hand.
const SOURCES: &str = "wasm/js/npm";
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];
/// Modules that choose a module: there is one of each for each level.
const ENTRIES: [&str; 3] = ["node.js", "workerd.js", "browser.js"];
const WASM: &str = "whose_bg.wasm";
/// Everything that a published package has. Whatever else is found in it was not meant to be.
const FILES: [&str; 18] = [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "baseline/browser.js",
    "baseline/node.js",
    "baseline/whose_bg.wasm",
    "baseline/workerd.js",
    "browser.js",
    "core.js",
    "enricher.js",
    "errors.js",
    "loading.js",
    "node.js",
    "package.json",
    "source.js",
    "whose.d.ts",
    "whose_bg.wasm",
    "workerd.js",
];

/// `cargo xtask npm`.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let tarball = make(workspace)?;
    let size = std::fs::metadata(&tarball).map_or(0, |data| data.len());
    println!(
        "{} ({:.1} kB)",
        workspace.shown(&tarball),
        size as f64 / 1000.0
    );
    for level in [SIMD, BASELINE] {
        let module = guests::path(workspace, &JS, level);
        println!("{} {}", level.name, Size::of(&module)?);
    }
    Ok(())
}

/// Makes the package anew, as the folder `target/npm/whose` and as what npm publishes: it costs two seconds, and
/// never is of another build. Returns the latter.
pub(crate) fn make(workspace: &Workspace) -> Result<PathBuf, Failure> {
    guests::build(workspace, &JS)?;
    let below = workspace.target.join("npm");
    let folder = below.join("whose");
    let _ = std::fs::remove_dir_all(&folder);
    let baseline = folder.join("baseline");
    std::fs::create_dir_all(&baseline)
        .while_doing(|| format!("cannot make {}", baseline.display()))?;
    let sources = workspace.root.join(SOURCES);
    let entries =
        std::fs::read_dir(&sources).while_doing(|| format!("cannot read {}", sources.display()))?;
    for entry in entries {
        let entry = entry.while_doing(|| format!("cannot read {}", sources.display()))?;
        copy(&entry.path(), &folder.join(entry.file_name()))?;
    }
    for name in LICENCES {
        copy(&workspace.root.join(name), &folder.join(name))?;
    }
    for name in ENTRIES {
        let text = read(&sources.join(name))?;
        write(&baseline.join(name), &below_root(&text))?;
    }
    copy(&guests::path(workspace, &JS, SIMD), &folder.join(WASM))?;
    copy(
        &guests::path(workspace, &JS, BASELINE),
        &baseline.join(WASM),
    )?;
    write(&folder.join("core.js"), &one_glue(workspace)?)?;
    pack(workspace, &below, &folder)
}

/// An entry as it is one folder further down: all but its module is above it.
fn below_root(entry: &str) -> String {
    entry
        .replace("from \"./", "from \"../")
        .replace(&format!("from \"../{WASM}"), &format!("from \"./{WASM}"))
}

/// The glue, which has to fit both modules.
fn one_glue(workspace: &Workspace) -> Result<String, Failure> {
    let of = |level: Level| read(&guests::glue(workspace, &JS, level));
    let (glue, other) = (of(SIMD)?, of(BASELINE)?);
    if glue != other {
        return Err(Failure::check(
            "the modules with and without SIMD need different JavaScript, and the package has one core.js",
        ));
    }
    Ok(glue)
}

/// Packs as npm would publish, and looks at what went in.
fn pack(workspace: &Workspace, below: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let manifest = read(&folder.join("package.json"))?;
    let version = env!("CARGO_PKG_VERSION");
    if !manifest.contains(&format!("\"version\": \"{version}\"")) {
        return Err(Failure::check(format!(
            "{SOURCES}/package.json is not of version {version}, as the workspace is"
        )));
    }
    let mut command = packages::npm_command();
    command.args(["pack", "--json", "--ignore-scripts", "--offline"]);
    command.arg("--pack-destination").arg(below);
    command.current_dir(folder);
    let said = process::read(&mut command).map_err(|failure| {
        failure.under("npm could not pack; it comes with node, https://nodejs.org")
    })?;
    let said: serde_json::Value =
        serde_json::from_str(&said).while_doing(|| "`npm pack --json` wrote no JSON".to_owned())?;
    // A list in npm 10, an object of the package's name later.
    let packed = said
        .get(0)
        .or_else(|| said.get("whose"))
        .ok_or_else(|| Failure::new("`npm pack` packed nothing"))?;
    let mut has: Vec<&str> = packed["files"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|file| file["path"].as_str())
        .collect();
    has.sort_unstable();
    if has != FILES {
        return Err(Failure::check(format!(
            "the npm package has {has:?}, and should have {FILES:?}"
        )));
    }
    let name = packed["filename"].as_str().unwrap_or_default();
    let tarball = below.join(name);
    if !tarball.is_file() {
        return Err(Failure::new(format!(
            "`npm pack` wrote no {}",
            workspace.shown(&tarball)
        )));
    }
    Ok(tarball)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).while_doing(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).while_doing(|| format!("cannot write {}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::copy(from, to)
        .map(|_| ())
        .while_doing(|| format!("cannot copy {}", from.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_the_baseline_finds_its_module_beside_it() {
        let entry = "import compiled from \"./whose_bg.wasm\";\nimport { define } from \"./enricher.js\";\nnew URL(\"./whose_bg.wasm\")";
        assert_eq!(
            below_root(entry),
            "import compiled from \"./whose_bg.wasm\";\nimport { define } from \"../enricher.js\";\nnew URL(\"./whose_bg.wasm\")"
        );
    }
}
