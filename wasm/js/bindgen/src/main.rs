//! From the module that rustc made to the two files that `wasm/js/npm/` stands on: the module with
//! the glue's imports, and the glue.
//!
//!     whose-js-bindgen MODULE OUT.wasm [OUT.js]
//!
//! wasm-bindgen's glue holds one instance for the whole program. Here it is put into a function that
//! makes one with every call: each enricher has a memory of its own, which goes with it, and after a
//! trap there is a way to go on.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (module, out, glue) = match arguments.as_slice() {
        [module, out] => (module, out, None),
        [module, out, glue] => (module, out, Some(glue)),
        _ => bail!("usage: whose-js-bindgen MODULE OUT.wasm [OUT.js]"),
    };
    let mut output = Bindgen::new()
        .input_path(Path::new(module))
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .with_context(|| format!("wasm-bindgen refuses {module}"))?;
    ensure!(
        output.snippets().values().all(Vec::is_empty) && output.local_modules().is_empty(),
        "the module brings JavaScript of its own, which the package has no place for"
    );
    let wasm = output.wasm_mut().emit_wasm();
    std::fs::write(out, wasm).with_context(|| format!("cannot write {out}"))?;
    if let Some(glue) = glue {
        let text = as_function(output.js())?;
        std::fs::write(glue, text).with_context(|| format!("cannot write {glue}"))?;
    }
    Ok(())
}

/// The glue as a function from a compiled module to its classes and its memory.
fn as_function(glue: &str) -> Result<String> {
    let mut body = String::new();
    let mut has_end = false;
    for line in glue.lines() {
        if line.starts_with("export {") {
            has_end = true;
            continue;
        }
        ensure!(
            !line.starts_with("import "),
            "the glue imports something: `{line}`"
        );
        body.push_str(line.strip_prefix("export ").unwrap_or(line));
        body.push('\n');
    }
    // What is relied on. A new version of wasm-bindgen that writes something else is refused here.
    for wanted in ["class Core ", "class Incoming ", "function initSync("] {
        ensure!(body.contains(wanted), "the glue has no `{wanted}`");
    }
    ensure!(has_end, "the glue does not end in exports");
    ensure!(
        !body.contains("import.meta"),
        "the glue looks for its module by itself"
    );
    Ok(format!(
        "// Made by wasm-bindgen; see wasm/js/bindgen in the sources of whose.\n\
         /* eslint-disable */\n\
         export function instantiate(module) {{\n\
         {body}\
         const {{ memory }} = initSync({{ module }});\n\
         return {{ Core, Incoming, memory }};\n\
         }}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::as_function;

    const GLUE: &str = "let wasm;\nexport class Core {\n}\nexport class Incoming {\n}\nfunction initSync(module) {\n}\nexport { initSync, __wbg_init as default };\n";

    #[test]
    fn classes_come_out_of_a_function() {
        let text = as_function(GLUE).unwrap();
        assert_eq!(text.matches("export ").count(), 1);
        assert!(text.contains("\nclass Core {"));
        assert!(text.ends_with("return { Core, Incoming, memory };\n}\n"));
    }

    #[test]
    fn glue_of_another_shape_is_refused() {
        for (from, to) in [
            ("class Core", "class Other"),
            ("export { initSync", "{ initSync"),
            ("let wasm;", "import * as env from 'env';"),
            ("let wasm;", "import.meta.url;"),
        ] {
            assert!(as_function(&GLUE.replace(from, to)).is_err(), "{to}");
        }
    }
}
