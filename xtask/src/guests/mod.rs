//! The WebAssembly modules: built twice, kept while nothing they depend on changes.

mod size;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaryen;
use crate::failure::{Failure, While};
use crate::fingerprint::Fingerprint;
use crate::process;
use crate::progress::Step;
use crate::wasm32::{self, Toolchain};
use crate::workspace::Workspace;

pub(crate) use size::Size;
pub(crate) use table::{
    ALL, BASELINE, BENCH, CLICKHOUSE, FLUENT_BIT, FLUENT_BIT_EXEC, Guest, JS, Level, PLAIN, SIMD,
};

/// What the modules are made of, besides the compiler and the package itself.
const SOURCES: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    ".cargo/config.toml",
    "wasm/binaryen",
    "wasm/guest",
    "enrich-core/Cargo.toml",
    "enrich-core/src",
    "event-scan",
    "json-out",
    "key-index",
];

/// What is said of modules that `wasm-opt` could not finish; the limits are not theirs.
const NOT_FINISHED: &str = "not finished by wasm-opt";

impl Guests {
    /// Whether the modules are as small as they get.
    pub(crate) fn are_finished(&self) -> bool {
        !self.way.contains(NOT_FINISHED)
    }
}

/// The modules and how they came to be.
#[derive(Debug)]
pub(crate) struct Guests {
    pub(crate) modules: Vec<PathBuf>,
    pub(crate) cached: bool,
    /// Which way was taken, for a person.
    pub(crate) way: String,
}

/// The folder of the finished modules.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("guests")
}

/// The module that programs of this project use when they have a choice.
pub(crate) fn preferred(workspace: &Workspace) -> PathBuf {
    path(workspace, &PLAIN, SIMD)
}

/// Where a guest's module lies once it is built.
pub(crate) fn path(workspace: &Workspace, guest: &Guest, level: Level) -> PathBuf {
    folder(workspace).join(guest.file(level))
}

/// Where the JavaScript of a guest that has some lies once it is built.
pub(crate) fn glue(workspace: &Workspace, guest: &Guest, level: Level) -> PathBuf {
    path(workspace, guest, level).with_extension("glue.js")
}

/// `cargo xtask guests`.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    for guest in ALL {
        for module in &build(workspace, guest)?.modules {
            let size = Size::of(module)?;
            println!("{:<48} {size}", workspace.shown(module));
        }
    }
    Ok(())
}

/// Builds a guest's modules, unless they are there and nothing they are made of has changed.
pub(crate) fn build(workspace: &Workspace, guest: &Guest) -> Result<Guests, Failure> {
    let folder = folder(workspace);
    let modules: Vec<PathBuf> = guest
        .levels
        .iter()
        .map(|level| path(workspace, guest, *level))
        .collect();
    let stamp_file = folder.join(format!("{}.stamp", guest.stem));
    let step = Step::begin(guest.stem);
    if let Some(stamp) = Stamp::read(&stamp_file)
        && stamp.still_holds(workspace, guest, &outputs(workspace, guest))
    {
        let way = stamp.way;
        step.end(&format!("unchanged (built with: {way})"));
        return Ok(Guests {
            modules,
            cached: true,
            way,
        });
    }
    step.end("to be built");

    let toolchain = wasm32::find(workspace, wasm32::GUEST)?;
    let (finish, finished_by) = match binaryen::find(workspace) {
        Ok(program) => (Some(program), "finished by wasm-opt".to_owned()),
        Err(failure) if std::env::var_os("CI").is_some() => return Err(failure),
        Err(failure) => (None, format!("{NOT_FINISHED}: {failure}")),
    };
    let way = format!("{}; {finished_by}", toolchain.way.explained());
    let way = way.replace('\n', " ");
    eprintln!("  wasm32: {way}");
    // Taken before the build: an edit while it runs must lead to another build.
    let sources = source_fingerprint(workspace, guest, &toolchain.rustc)?;
    for (level, module) in guest.levels.iter().zip(&modules) {
        build_level(
            workspace,
            &toolchain,
            (guest, *level),
            finish.as_deref(),
            module,
        )?;
    }
    let stamp = Stamp {
        way,
        rustc: toolchain.rustc,
        sources,
        outputs: output_fingerprint(&outputs(workspace, guest))?,
    };
    stamp.write(&stamp_file)?;
    Ok(Guests {
        modules,
        cached: false,
        way: stamp.way,
    })
}

fn build_level(
    workspace: &Workspace,
    toolchain: &Toolchain,
    (guest, level): (&Guest, Level),
    finish: Option<&Path>,
    module: &Path,
) -> Result<(), Failure> {
    let target = toolchain.folder(&folder(workspace), level.name);
    let mut command = toolchain.cargo(workspace, "build");
    command.args(["--profile", "guest", "--package", guest.package]);
    for feature in guest.features {
        command.args(["--features", feature]);
    }
    command.arg("--target-dir").arg(workspace.within(&target));
    let paths = wasm32::machine_paths(workspace, &toolchain.rustc);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(level, &paths));
    process::quietly(&format!("{}, {}", guest.stem, level.name), &mut command)?;

    let mut built = target
        .join(wasm32::GUEST.triple)
        .join("guest")
        .join(guest.built_file());
    if guest.has_glue() {
        let bound = built.with_extension("bound.wasm");
        let mut bind = workspace.cargo("run");
        bind.args(["--release", "--package", "whose-js-bindgen", "--"]);
        bind.arg(&built).arg(&bound);
        bind.arg(glue(workspace, guest, level));
        process::quietly("wasm-bindgen", &mut bind)?;
        built = bound;
    }
    if let Some(program) = finish {
        built = binaryen::optimise(program, &built, level.has_simd())?;
    }
    let bytes = std::fs::read(&built).while_doing(|| format!("cannot read {}", built.display()))?;
    // A folder directly below the root, say /src, would be found inside other paths.
    for (path, _) in paths
        .iter()
        .filter(|(path, _)| path.components().count() > 2)
    {
        let path = path.to_string_lossy();
        if bytes
            .windows(path.len())
            .any(|window| window == path.as_bytes())
        {
            return Err(Failure::check(format!(
                "the {} module of {} contains the path {path}",
                level.name, guest.package
            )));
        }
    }
    // Written beside and renamed: a program that has the old module open keeps it whole.
    let unfinished = module.with_extension("wasm.new");
    std::fs::write(&unfinished, bytes)
        .and_then(|()| std::fs::rename(&unfinished, module))
        .while_doing(|| format!("cannot write {}", module.display()))
}

/// Compiler flags of one level, in the form that keeps spaces in paths.
fn flags(level: Level, paths: &[(PathBuf, String)]) -> String {
    let mut flags = vec![
        format!("-Ctarget-feature={}", level.feature),
        // A signature is checked once for each snapshot: SHA-512 as a loop, 8 kB smaller.
        "--cfg=sha2_backend_soft=\"compact\"".to_owned(),
        // The core is built for size, where nearly nothing is inlined; with the smallest functions
        // inlined all the same it is a tenth faster, and 1 % larger (measured at 30; at 20 the module
        // is 2 kB smaller after gzip, and so within its limit).
        "-Cllvm-args=-inline-threshold=20".to_owned(),
    ];
    for (path, name) in paths {
        flags.push(format!("--remap-path-prefix={}={name}", path.display()));
    }
    flags.join("\x1f")
}

/// Adds clippy's flags for the guests: the same build, checked instead of made.
pub(crate) fn clippy(workspace: &Workspace, toolchain: &Toolchain) -> Command {
    let level = BASELINE;
    let mut command = toolchain.cargo(workspace, "clippy");
    command.args(["--profile", "guest", "--package", "whose-guest"]);
    for guest in ALL.iter().chain([&&BENCH]) {
        command.args(["--package", guest.package]);
        for feature in guest.features {
            command.args(["--features", &format!("{}/{feature}", guest.package)]);
        }
    }
    command
        .arg("--target-dir")
        .arg(toolchain.folder(&folder(workspace), level.name));
    command.env(
        "CARGO_ENCODED_RUSTFLAGS",
        flags(level, &wasm32::machine_paths(workspace, &toolchain.rustc)),
    );
    command.args(["--", "-D", "warnings"]);
    command
}

/// What is known of the last build.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    way: String,
    rustc: PathBuf,
    sources: String,
    outputs: String,
}

impl Stamp {
    fn read(path: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(path).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut next = |name: &str| {
            lines
                .next()?
                .strip_prefix(name)?
                .strip_prefix('=')
                .map(str::to_owned)
        };
        Some(Self {
            way: next("way")?,
            rustc: PathBuf::from(next("rustc")?),
            sources: next("sources")?,
            outputs: next("outputs")?,
        })
    }

    fn text(&self) -> String {
        let Self {
            way,
            rustc,
            sources,
            outputs,
        } = self;
        format!(
            "way={way}\nrustc={}\nsources={sources}\noutputs={outputs}\n",
            rustc.display()
        )
    }

    fn write(&self, path: &Path) -> Result<(), Failure> {
        std::fs::write(path, self.text()).while_doing(|| format!("cannot write {}", path.display()))
    }

    fn still_holds(&self, workspace: &Workspace, guest: &Guest, files: &[PathBuf]) -> bool {
        output_fingerprint(files).is_ok_and(|outputs| outputs == self.outputs)
            && source_fingerprint(workspace, guest, &self.rustc)
                .is_ok_and(|sources| sources == self.sources)
    }
}

fn source_fingerprint(
    workspace: &Workspace,
    guest: &Guest,
    rustc: &Path,
) -> Result<String, Failure> {
    let mut fingerprint = Fingerprint::new();
    for source in SOURCES.into_iter().chain([guest.folder]) {
        fingerprint.add_path(&workspace.root, source)?;
    }
    // The compiler that was used, the one that was asked for, and the way that was forced.
    fingerprint.add(process::read(Command::new(rustc).arg("-vV"))?.as_bytes());
    fingerprint.add(workspace.rustc.to_string_lossy().as_bytes());
    fingerprint.add(wasm32::forced().as_deref().unwrap_or("").as_bytes());
    for level in guest.levels {
        fingerprint.add(flags(*level, &[]).as_bytes());
        fingerprint.add(guest.features.join(",").as_bytes());
    }
    Ok(fingerprint.finish())
}

/// Every file that is kept of a build.
fn outputs(workspace: &Workspace, guest: &Guest) -> Vec<PathBuf> {
    let levels = guest.levels.iter();
    let glue = levels
        .clone()
        .filter(|_| guest.has_glue())
        .map(|level| glue(workspace, guest, *level));
    levels
        .map(|level| path(workspace, guest, *level))
        .chain(glue)
        .collect()
}

fn output_fingerprint(modules: &[PathBuf]) -> Result<String, Failure> {
    let mut fingerprint = Fingerprint::new();
    for module in modules {
        let bytes =
            std::fs::read(module).while_doing(|| format!("cannot read {}", module.display()))?;
        fingerprint.add(&bytes);
    }
    Ok(fingerprint.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_survives_its_file() {
        let stamp = Stamp {
            way: "the toolchain has the target".to_owned(),
            rustc: PathBuf::from("/a b/rustc"),
            sources: "0123".to_owned(),
            outputs: "4567".to_owned(),
        };
        assert_eq!(Stamp::parse(&stamp.text()), Some(stamp));
        assert_eq!(Stamp::parse("way=x\n"), None);
        assert_eq!(Stamp::parse(""), None);
    }

    #[test]
    fn the_levels_differ_only_in_simd() {
        let paths = [(PathBuf::from("/home/of somebody"), "cargo".to_owned())];
        let flags = [BASELINE, SIMD].map(|level| flags(level, &paths));
        assert_eq!(
            flags[0],
            "-Ctarget-feature=-simd128\x1f--cfg=sha2_backend_soft=\"compact\"\x1f-Cllvm-args=-inline-threshold=20\x1f--remap-path-prefix=/home/of somebody=cargo"
        );
        assert_eq!(flags[0].replace("-simd128", "+simd128"), flags[1]);
    }
}
