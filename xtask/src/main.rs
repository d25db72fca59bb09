//! `cargo xtask`: the one entry for people and CI.
#![forbid(unsafe_code)]

mod bench;
mod binaryen;
mod debian;
mod demo;
mod deny;
mod dist;
mod failure;
mod fingerprint;
mod guests;
mod hosts;
mod npm;
mod packages;
mod process;
mod progress;
mod stages;
mod standards;
mod test;
mod tree;
mod wasm32;
mod workspace;

use std::process::ExitCode;

use failure::Failure;
use workspace::Workspace;

const HELP: &str = "\
usage: cargo xtask COMMAND

  demo                     build everything, enrich the sample events, show the result
  test [STAGE]…            every check of the project, or these stages; --list names them
  test hosts               the real hosts alone: each loads its module and runs the shared vectors
  bench                    measure, and write benches/RESULTS.md, benches/results.json and docs/plots
  bench FILTER             measure the groups with this in their name, and print
  bench peers              the same work beside VRL, DuckDB, ClickHouse, Python, Node and Tenzir, and print
  bench [FILTER] --check   measure, and compare with benches/results.json; more than 15 % slower is a failed check
  bench --large            10,000,000 identities instead (11 GB of memory), added to what is written
  bench --report           write RESULTS.md and the plots anew from results.json
  guests                   build the WebAssembly modules into target/guests
  npm                      make the npm package, target/npm/whose and a tarball beside it
  dist                     every artifact into target/dist: sizes, SHA-256, bills of materials; built twice alike
  advisories               check dependencies against the RustSec advisory database (network)

environment:
  WHOSE_WASM32=installed|rustup|build-std|debian|none
                           force one way of building for wasm32 (docs/building.md)
  CI                       when set, a missing tool fails a stage instead of skipping it

exit status: 0 done, 1 failed, 2 usage, 3 a check did not hold
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}", failure.report());
            ExitCode::from(failure.exit_status())
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let (command, rest) = match arguments.split_first() {
        None => return Err(Failure::usage("no command given; see `cargo xtask --help`")),
        Some((command, rest)) => (command.as_str(), rest),
    };
    let no_more = || match rest.first() {
        None => Ok(()),
        Some(extra) => Err(Failure::usage(format!(
            "`{command}` takes no argument, got `{extra}`"
        ))),
    };
    match command {
        "demo" => {
            no_more()?;
            demo::run(&Workspace::find()?)
        }
        "test" => test::run(&Workspace::find()?, rest),
        "bench" => bench::run(&Workspace::find()?, rest),
        "dist" => dist::run(&Workspace::find()?, rest),
        "guests" => {
            no_more()?;
            guests::run(&Workspace::find()?)
        }
        "npm" => {
            no_more()?;
            npm::run(&Workspace::find()?)
        }
        "advisories" => {
            no_more()?;
            deny::advisories(&Workspace::find()?)
        }
        "help" | "-h" | "--help" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(Failure::usage(format!(
            "unknown command `{other}`; see `cargo xtask --help`"
        ))),
    }
}
