//! `cargo xtask dist`: every artifact, with sizes, SHA-256 and a bill of materials; built twice alike.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::binaryen;
use crate::demo::{self, Demo};
use crate::failure::{Failure, While};
use crate::guests::{self, Guest, JS, Size};
use crate::npm;
use crate::packages;
use crate::process;
use crate::test::Outcome;
use crate::wasm32;
use crate::workspace::Workspace;

const SUMS: &str = "SHA256SUMS";
/// The script that writes bills of materials, and its packages.
const FOLDER: &str = "wasm/dist";
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// A finished file, and the package it was made of.
struct Artifact {
    path: PathBuf,
    guest: &'static Guest,
}

/// `cargo xtask dist [--once]`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    match arguments {
        [] => {
            needs(workspace)?;
            let (folder, missing) = make_and_check(workspace)?;
            print!("{}", table(&folder)?);
            println!("\n{}", workspace.shown(&folder));
            missing.map_or(Ok(()), Err)
        }
        [once] if once == "--once" => {
            needs(workspace)?;
            make(workspace).map(|_| ())
        }
        [other, ..] => Err(Failure::usage(format!(
            "`dist` takes --once or nothing, got `{other}`"
        ))),
    }
}

/// The stage of `cargo xtask test`.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome, Failure> {
    if let Err(failure) = needs(workspace) {
        return Ok(Outcome::Skipped(failure.to_string()));
    }
    let (folder, missing) = make_and_check(workspace)?;
    let table = table(&folder)?;
    eprint!("{table}");
    let count = table.lines().count() - 1;
    Ok(match missing {
        None => Outcome::Passed(format!("{count} files, two builds alike")),
        Some(failure) => Outcome::Skipped(format!("{count} files; {failure}")),
    })
}

/// What has to be there for the artifacts to be whole.
fn needs(workspace: &Workspace) -> Result<(), Failure> {
    // npm packs, and brings wasm-opt, which finishes the modules; bills of materials take Python.
    packages::node()?;
    binaryen::find(workspace)?;
    packages::python(workspace, FOLDER).map(|_| ())
}

/// Builds everything and looks at it. Also returns why there was no second build, if there was none.
fn make_and_check(workspace: &Workspace) -> Result<(PathBuf, Option<Failure>), Failure> {
    let folder = make(workspace)?;
    let missing = match project_files(workspace) {
        Ok(names) => {
            compare(&folder, &build_again(workspace, &names)?)?;
            None
        }
        Err(failure) => Some(failure),
    };
    smoke(workspace, &folder)?;
    Ok((folder, missing))
}

/// Builds everything into `target/dist`.
fn make(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let folder = workspace.target.join("dist");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).while_doing(|| format!("cannot make {}", folder.display()))?;
    let mut artifacts = Vec::new();
    for guest in guests::ALL {
        // Its modules are worth nothing without their glue: the npm package has both.
        let files = if guest.package == JS.package {
            vec![npm::make(workspace)?]
        } else {
            guests::build(workspace, guest)?.modules
        };
        for file in files {
            let path = folder.join(file.file_name().unwrap_or_default());
            copy(&file, &path)?;
            artifacts.push(Artifact { path, guest });
        }
    }
    for licence in LICENCES {
        copy(&workspace.root.join(licence), &folder.join(licence))?;
    }
    bills(workspace, &artifacts)?;
    let mut sums = String::new();
    for file in files(&folder)? {
        let bytes =
            std::fs::read(&file).while_doing(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        // As `sha256sum --check` reads it.
        sums.push_str(&format!("{}  {name}\n", hex(&Sha256::digest(&bytes))));
    }
    let path = folder.join(SUMS);
    std::fs::write(&path, sums).while_doing(|| format!("cannot write {}", path.display()))?;
    Ok(folder)
}

/// A bill of materials beside each artifact.
fn bills(workspace: &Workspace, artifacts: &[Artifact]) -> Result<(), Failure> {
    let python = packages::python(workspace, FOLDER)?;
    let scratch = workspace.target.join("dist-scratch");
    std::fs::create_dir_all(&scratch)
        .while_doing(|| format!("cannot make {}", scratch.display()))?;
    let triple = wasm32::GUEST.triple;
    let keep = |name: &str, text: String| {
        let path = scratch.join(name);
        std::fs::write(&path, text)
            .while_doing(|| format!("cannot write {}", path.display()))
            .map(|()| path)
    };
    let mut describe = workspace.cargo("metadata");
    describe.args([
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        triple,
    ]);
    let metadata = keep("metadata.json", process::read(&mut describe)?)?;
    for Artifact { path, guest } in artifacts {
        let mut compiled = workspace.cargo("tree");
        compiled.args(["--locked", "--package", guest.package, "--target", triple]);
        for feature in guest.features {
            compiled.args(["--features", feature]);
        }
        compiled.args(["--edges", "normal,no-proc-macro", "--prefix", "none"]);
        compiled.args(["--format", "{p}"]);
        let tree = keep("tree.txt", process::read(&mut compiled)?)?;
        let mut write = Command::new(&python);
        write
            .arg("-B")
            .arg(workspace.root.join(FOLDER).join("sbom.py"));
        write.arg(&metadata).arg(&tree);
        write.arg(workspace.root.join("Cargo.lock"));
        write.arg(guest.package).arg(path);
        write.arg(path.with_extension("cdx.json"));
        process::quietly("bill of materials", &mut write)?;
    }
    Ok(())
}

/// The names of the project's files, which git knows.
fn project_files(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let mut list = Command::new("git");
    list.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]);
    list.current_dir(&workspace.root);
    let listed = process::read(&mut list).map_err(|failure| {
        failure.under("no second build, which needs git to know the project's files")
    })?;
    let names = listed.split('\0').filter(|name| !name.is_empty());
    Ok(names.map(str::to_owned).collect())
}

/// Builds once more, in a copy of the project at another place.
fn build_again(workspace: &Workspace, names: &[String]) -> Result<PathBuf, Failure> {
    let copy_root = workspace
        .target
        .join("dist-again")
        .join("copy of the project");
    let _ = std::fs::remove_dir_all(&copy_root);
    for name in names {
        let from = workspace.root.join(name);
        // What was removed and not yet committed is listed as well.
        if from.is_file() {
            copy(&from, &copy_root.join(name))?;
        }
    }
    let mut again = workspace.cargo("run");
    again.args(["--quiet", "--package", "xtask", "--", "dist", "--once"]);
    again.current_dir(&copy_root);
    again.env(
        "CARGO_TARGET_DIR",
        workspace.target.join("dist-again/build"),
    );
    process::quietly("the same again, elsewhere", &mut again)?;
    Ok(workspace.target.join("dist-again/build/dist"))
}

/// Holds two folders against each other: the same names, and the same bytes under each.
fn compare(first: &Path, second: &Path) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    for file in files(first)?.into_iter().chain(files(second)?) {
        names.extend(file.file_name().map(OsStr::to_owned));
    }
    let read = |folder: &Path, name: &OsStr| std::fs::read(folder.join(name));
    let mut differ = Vec::new();
    for name in names {
        let note = match (read(first, &name), read(second, &name)) {
            (Ok(one), Ok(two)) if one == two => continue,
            (Ok(_), Ok(_)) => "",
            (Ok(_), Err(_)) => " (only in the first)",
            (Err(_), Ok(_)) => " (only in the second)",
            (Err(_), Err(_)) => " (not readable)",
        };
        differ.push(format!("{}{note}", name.to_string_lossy()));
    }
    if differ.is_empty() {
        return Ok(());
    }
    Err(Failure::check(format!(
        "two builds differ: {}",
        differ.join(", ")
    )))
}

/// The npm package, installed as its user would: it looks a key up in the sample's snapshot.
const PACKAGE_WORKS: &str = r#"
import { readFile } from "node:fs/promises";
import { Enricher } from "whose";
// The sample's time is over by now, and 0 judges nothing.
const enricher = await Enricher.create(await readFile(process.argv[2]), { now: 0 });
const { outcome } = enricher.lookup(process.argv[3]);
if (outcome !== "matched") throw new Error(`the sample's key is ${outcome}`);
"#;

/// Each module starts and accepts the sample's snapshot: `bake` does not write otherwise.
fn smoke(workspace: &Workspace, folder: &Path) -> Result<(), Failure> {
    let demo = Demo::of(workspace);
    demo::build_programs(workspace)?;
    demo.prepare(workspace)?;
    for module in files(folder)? {
        let kind = module.extension().unwrap_or_default();
        if kind == "tgz" {
            package_works(workspace, &module, &demo)?;
        }
        if kind != "wasm" {
            continue;
        }
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        let mut bake = workspace.run_program("whose-snapshot");
        bake.arg("bake").arg("--module").arg(&module);
        bake.arg("--out");
        bake.arg(workspace.target.join("dist-scratch/baked.wasm"));
        bake.arg(demo.snapshot());
        process::quietly(&format!("{name} starts"), &mut bake)?;
    }
    Ok(())
}

fn package_works(workspace: &Workspace, package: &Path, demo: &Demo) -> Result<(), Failure> {
    let folder = workspace.target.join("dist-scratch/npm");
    let _ = std::fs::remove_dir_all(&folder);
    let program = folder.join("smoke.mjs");
    std::fs::create_dir_all(&folder).while_doing(|| format!("cannot make {}", folder.display()))?;
    std::fs::write(&program, PACKAGE_WORKS)
        .while_doing(|| format!("cannot write {}", program.display()))?;
    let mut install = packages::npm_command();
    install.args([
        "install",
        "--offline",
        "--no-save",
        "--no-audit",
        "--no-fund",
    ]);
    install.arg(package).current_dir(&folder);
    process::quietly("npm install of the package", &mut install)?;
    let mut start = Command::new("node");
    start.arg("smoke.mjs").arg(demo.snapshot());
    start.arg(demo::SAMPLE_KEY).current_dir(&folder);
    process::quietly("the package starts", &mut start).map(|_| ())
}

fn table(folder: &Path) -> Result<String, Failure> {
    let mut text = format!("{:<40} {:>12} {:>12}  SHA-256\n", "file", "bytes", "gzip");
    for file in files(folder)? {
        let size = Size::of(&file)?;
        let bytes =
            std::fs::read(&file).while_doing(|| format!("cannot read {}", file.display()))?;
        text.push_str(&format!(
            "{:<40} {:>12} {:>12}  {}\n",
            file.file_name().unwrap_or_default().to_string_lossy(),
            size.plain,
            size.gzip,
            hex(&Sha256::digest(&bytes))
        ));
    }
    Ok(text)
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries =
        std::fs::read_dir(folder).while_doing(|| format!("cannot read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)
            .while_doing(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::copy(from, to)
        .while_doing(|| format!("cannot copy {}", from.display()))
        .map(|_| ())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_alike_when_names_and_bytes_are() {
        let place = std::env::temp_dir().join(format!("whose-dist-{}", std::process::id()));
        let [first, second] = ["first", "second"].map(|name| place.join(name));
        let write = |folder: &Path, name: &str, text: &str| {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(name), text).unwrap();
        };
        for folder in [&first, &second] {
            write(folder, "a.wasm", "one");
            write(folder, "b.wasm", "two");
        }
        let alike = compare(&first, &second);
        write(&second, "b.wasm", "three");
        write(&first, "c.wasm", "");
        write(&second, "d.wasm", "");
        let other = compare(&first, &second);
        std::fs::remove_dir_all(&place).unwrap();
        let absent = compare(&first, &second);
        alike.unwrap();
        let other = other.unwrap_err();
        assert_eq!(
            other.to_string(),
            "two builds differ: b.wasm, c.wasm (only in the first), d.wasm (only in the second)"
        );
        assert_eq!(other.exit_status(), 3);
        assert!(absent.is_err());
    }

    #[test]
    fn digests_are_written_as_sha256sum_writes_them() {
        assert_eq!(
            hex(&Sha256::digest(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
