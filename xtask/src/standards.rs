//! Enriched events, checked against the definitions that OCSF, ECS and Splunk publish.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::demo;
use crate::failure::{Failure, While};
use crate::packages;
use crate::process;
use crate::test::Outcome;
use crate::workspace::Workspace;

/// What the project brings: the checks, their packages with hashes, and events.
const FOLDER: &str = "standards";
const INVENTORY: &str = "snapshots/samples/inventory.toml";
const OCSF: &str = "standards/events/ocsf.ndjson";
const ECS: &str = "standards/events/ecs.ndjson";
const SAMPLES: &str = "snapshots/samples/events/events.ndjson";
/// The cluster that the events of Kubernetes come from; they do not say.
const CLUSTER: [&str; 3] = ["k8s_audit=prod-eu", "ocsf=prod-eu", "ecs=prod-eu"];

/// Which events are enriched in which rendering. Only an OCSF event can be valid by OCSF; ours in
/// the others stand beside whatever the event is.
const RUNS: &[(&str, &str)] = &[
    ("ocsf", OCSF),
    ("ecs", ECS),
    ("ecs", SAMPLES),
    ("splunk", SAMPLES),
    ("splunk", OCSF),
];
/// From who it is to everything that is known, and with OCSF's own attributes for whom to assign to.
const SETTINGS: [&str; 4] = [
    "\"detail\":\"minimal\"",
    "\"detail\":\"standard\"",
    "\"detail\":\"full\"",
    "\"ocsf\":{\"typed_homes\":true}",
];
/// Settings with this change nothing in the other renderings.
const OF_OCSF: &str = "\"ocsf\"";

/// What has been installed into the build folder.
struct Tools {
    python: PathBuf,
    /// Names and types of all fields of ECS.
    ecs_fields: PathBuf,
    folder: PathBuf,
}

/// The stage.
pub(crate) fn check(workspace: &Workspace) -> Result<Outcome, Failure> {
    let tools = match find(workspace) {
        Ok(tools) => tools,
        Err(failure) => return Ok(Outcome::Skipped(failure.to_string())),
    };
    // A check that refuses nothing would pass whatever is written.
    process::quietly(
        "standards, self-test",
        tools.check(workspace).arg("self-test"),
    )?;
    demo::build_programs(workspace)?;
    let snapshot = tools.folder.join("sample.whose");
    let mut build = workspace.run_program("whose-snapshot");
    build.args(["build", "--config", INVENTORY, "--out"]);
    build.arg(workspace.within(&snapshot));
    process::quietly("snapshot", &mut build)?;
    let mut summaries = Vec::new();
    for settings in SETTINGS {
        let config = tools.folder.join("config.json");
        write(&config, &format!("{{\"v\":1,{settings}}}\n"))?;
        for (rendering, events) in RUNS {
            if settings.contains(OF_OCSF) && *rendering != "ocsf" {
                continue;
            }
            let enriched = tools.folder.join("enriched.ndjson");
            let mut enrich = workspace.run_program("whose");
            enrich.args(["enrich", "--native", events, "--rendering", rendering]);
            for cluster in CLUSTER {
                enrich.args(["--default-domain", cluster]);
            }
            enrich.arg("--config").arg(workspace.within(&config));
            enrich.arg("--snapshot").arg(workspace.within(&snapshot));
            enrich.arg("--out").arg(workspace.within(&enriched));
            let mut check = tools.check(workspace);
            check.args([rendering, events]);
            check.arg(workspace.within(&enriched));
            // Which settings and events it was is told with what went wrong.
            let label = format!("{rendering}, {settings}, {events}");
            process::quietly("whose enrich", &mut enrich)
                .map_err(|failure| failure.under(&label))?;
            let summary = process::quietly(&format!("valid by {rendering}"), &mut check)
                .map_err(|failure| failure.under(&label))?;
            summaries.push(format!("{settings}: {}", summary.trim()));
        }
    }
    for summary in &summaries {
        eprintln!("  {summary}");
    }
    Ok(Outcome::Passed(format!(
        "{} files of enriched events are valid",
        summaries.len()
    )))
}

impl Tools {
    fn check(&self, workspace: &Workspace) -> Command {
        let mut command = Command::new(&self.python);
        // Without -B it would leave compiled files in the project.
        command.args(["-B", "standards/check.py", "--ecs-fields"]);
        command.arg(workspace.within(&self.ecs_fields));
        workspace.settle(&mut command);
        command
    }
}

/// Python with the packages, and ECS: what is there, or installed now.
fn find(workspace: &Workspace) -> Result<Tools, Failure> {
    let folder = workspace.target.join(FOLDER);
    std::fs::create_dir_all(&folder).while_doing(|| format!("cannot make {}", folder.display()))?;
    let python = packages::python(workspace, FOLDER)?;
    let node = packages::npm(workspace, FOLDER)?;
    // The package of ECS holds its fields as a script, which node turns into JSON.
    let ecs_fields = folder.join("ecs.json");
    let script = node.join("ecs_fields.cjs");
    let from = workspace.root.join(FOLDER).join("ecs_fields.cjs");
    std::fs::copy(&from, &script).while_doing(|| format!("cannot copy {}", from.display()))?;
    let mut print = Command::new("node");
    print.arg("ecs_fields.cjs").current_dir(&node);
    write(&ecs_fields, &process::read(&mut print)?)?;
    Ok(Tools {
        python,
        ecs_fields,
        folder,
    })
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).while_doing(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rendering_is_checked() {
        for rendering in ["ocsf", "ecs", "splunk"] {
            assert!(RUNS.iter().any(|(name, _)| *name == rendering));
        }
    }
}
