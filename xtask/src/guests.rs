//! The WebAssembly modules: built twice, kept while nothing they depend on changes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaryen;
use crate::failure::{Failure, While};
use crate::fingerprint::Fingerprint;
use crate::process;
use crate::progress::Step;
use crate::wasm32::{self, Toolchain};
use crate::workspace::Workspace;

/// The package of the guest without imports, and the file that cargo makes of it.
const PACKAGE: &str = "whose-plain";
const BUILT_FILE: &str = "whose_plain.wasm";

/// What the modules are made of, besides the compiler.
const SOURCES: [&str; 7] = [
    "Cargo.lock",
    "Cargo.toml",
    ".cargo/config.toml",
    "wasm",
    "enrich-core/Cargo.toml",
    "enrich-core/src",
    "event-scan",
];

/// What is said of modules that `wasm-opt` could not finish; the limits are not theirs.
const NOT_FINISHED: &str = "not finished by wasm-opt";

/// Largest module, and largest after gzip, in bytes.
pub(crate) const SIZE_LIMIT: usize = 300_000;
pub(crate) const GZIP_LIMIT: usize = 120_000;

impl Guests {
    /// Whether the modules are as small as they get.
    pub(crate) fn are_finished(&self) -> bool {
        !self.way.contains(NOT_FINISHED)
    }
}

/// One set of wasm features.
#[derive(Debug, Clone, Copy)]
struct Level {
    name: &'static str,
    file: &'static str,
    feature: &'static str,
}

const LEVELS: [Level; 2] = [
    // For hosts without SIMD, such as the runtime inside Fluent Bit.
    Level {
        name: "baseline",
        file: "whose-plain.wasm",
        feature: "-simd128",
    },
    Level {
        name: "simd128",
        file: "whose-plain.simd128.wasm",
        feature: "+simd128",
    },
];

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
    folder(workspace).join(LEVELS[1].file)
}

/// `cargo xtask guests`.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let guests = build(workspace)?;
    for module in &guests.modules {
        let size = Size::of(module)?;
        println!("{:<48} {size}", workspace.shown(module));
    }
    Ok(())
}

/// Builds the modules, unless they are there and nothing they are made of has changed.
pub(crate) fn build(workspace: &Workspace) -> Result<Guests, Failure> {
    let folder = folder(workspace);
    let modules: Vec<PathBuf> = LEVELS.iter().map(|level| folder.join(level.file)).collect();
    let stamp_file = folder.join("whose-plain.stamp");
    let step = Step::begin("guest modules");
    if let Some(stamp) = Stamp::read(&stamp_file)
        && stamp.still_holds(workspace, &modules)
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
    let sources = source_fingerprint(workspace, &toolchain.rustc)?;
    for (level, module) in LEVELS.iter().zip(&modules) {
        build_level(workspace, &toolchain, *level, finish.as_deref(), module)?;
    }
    let stamp = Stamp {
        way,
        rustc: toolchain.rustc,
        sources,
        outputs: output_fingerprint(&modules)?,
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
    level: Level,
    finish: Option<&Path>,
    module: &Path,
) -> Result<(), Failure> {
    let target = toolchain.folder(&folder(workspace), level.name);
    let mut command = toolchain.cargo(workspace, "build");
    command
        .args(["--profile", "guest", "--package", PACKAGE, "--target-dir"])
        .arg(workspace.within(&target));
    let paths = wasm32::machine_paths(workspace, &toolchain.rustc);
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(level, &paths));
    process::quietly(&format!("guest module, {}", level.name), &mut command)?;

    let mut built = target
        .join(wasm32::GUEST.triple)
        .join("guest")
        .join(BUILT_FILE);
    if let Some(program) = finish {
        built = binaryen::optimise(program, &built, level.feature == "+simd128")?;
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
                "the {} module contains the path {path}",
                level.name
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
        // inlined all the same it is a tenth faster, and 1 % larger.
        "-Cllvm-args=-inline-threshold=30".to_owned(),
    ];
    for (path, name) in paths {
        flags.push(format!("--remap-path-prefix={}={name}", path.display()));
    }
    flags.join("\x1f")
}

/// Adds clippy's flags for the guests: the same build, checked instead of made.
pub(crate) fn clippy(workspace: &Workspace, toolchain: &Toolchain) -> Command {
    let level = LEVELS[0];
    let mut command = toolchain.cargo(workspace, "clippy");
    command.args([
        "--profile",
        "guest",
        "--package",
        PACKAGE,
        "--package",
        "whose-guest",
    ]);
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

    fn still_holds(&self, workspace: &Workspace, modules: &[PathBuf]) -> bool {
        output_fingerprint(modules).is_ok_and(|outputs| outputs == self.outputs)
            && source_fingerprint(workspace, &self.rustc)
                .is_ok_and(|sources| sources == self.sources)
    }
}

fn source_fingerprint(workspace: &Workspace, rustc: &Path) -> Result<String, Failure> {
    let mut fingerprint = Fingerprint::new();
    for source in SOURCES {
        fingerprint.add_path(&workspace.root, source)?;
    }
    // The compiler that was used, the one that was asked for, and the way that was forced.
    fingerprint.add(process::read(Command::new(rustc).arg("-vV"))?.as_bytes());
    fingerprint.add(workspace.rustc.to_string_lossy().as_bytes());
    fingerprint.add(wasm32::forced().as_deref().unwrap_or("").as_bytes());
    for level in LEVELS {
        fingerprint.add(flags(level, &[]).as_bytes());
    }
    Ok(fingerprint.finish())
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

/// How large a module is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) plain: usize,
    pub(crate) gzip: usize,
}

impl Size {
    pub(crate) fn of(module: &Path) -> Result<Self, Failure> {
        let bytes =
            std::fs::read(module).while_doing(|| format!("cannot read {}", module.display()))?;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let gzip = encoder
            .write_all(&bytes)
            .and_then(|()| encoder.finish())
            .while_doing(|| format!("cannot compress {}", module.display()))?;
        Ok(Self {
            plain: bytes.len(),
            gzip: gzip.len(),
        })
    }

    pub(crate) fn within_limits(self) -> bool {
        self.plain <= SIZE_LIMIT && self.gzip <= GZIP_LIMIT
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{:.1} kB, gzip {:.1} kB",
            self.plain as f64 / 1000.0,
            self.gzip as f64 / 1000.0
        )
    }
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
        let flags = LEVELS.map(|level| flags(level, &paths));
        assert_eq!(
            flags[0],
            "-Ctarget-feature=-simd128\x1f--cfg=sha2_backend_soft=\"compact\"\x1f-Cllvm-args=-inline-threshold=30\x1f--remap-path-prefix=/home/of somebody=cargo"
        );
        assert_eq!(flags[0].replace("-simd128", "+simd128"), flags[1]);
    }

    #[test]
    fn limits_hold_at_the_limit_and_not_above() {
        assert!(
            Size {
                plain: SIZE_LIMIT,
                gzip: GZIP_LIMIT
            }
            .within_limits()
        );
        assert!(
            !Size {
                plain: SIZE_LIMIT + 1,
                gzip: 1
            }
            .within_limits()
        );
        assert!(
            !Size {
                plain: 1,
                gzip: GZIP_LIMIT + 1
            }
            .within_limits()
        );
    }
}
