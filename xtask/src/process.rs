//! Running other programs: quiet unless they fail.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use crate::failure::{Failure, While};
use crate::progress::Step;

/// Runs a program as one step. What it prints is shown only when it fails, and is returned
/// otherwise: both streams, line by line, as they came.
pub(crate) fn quietly(label: &str, command: &mut Command) -> Result<String, Failure> {
    let shown = describe(command);
    let step = Step::begin(label);
    let (output, success, status) = capture(command, step.watcher())?;
    if success {
        step.end("");
        return Ok(output);
    }
    step.end("failed");
    let mut stream = std::io::stderr().lock();
    let _ = stream.write_all(output.as_bytes());
    let _ = stream.flush();
    Err(Failure::new(format!("`{shown}` ended with {status}")))
}

/// Runs a program and returns what it printed, whether it succeeded and how it ended.
pub(crate) fn capture(
    command: &mut Command,
    watcher: Option<Sender<String>>,
) -> Result<(String, bool, String), Failure> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .while_doing(|| format!("cannot start `{}`", describe(command)))?;
    let collected = Arc::new(Mutex::new(Vec::new()));
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child
            .stdout
            .take()
            .map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child
            .stderr
            .take()
            .map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    ];
    let readers: Vec<_> = streams
        .into_iter()
        .flatten()
        .map(|stream| {
            let collected = Arc::clone(&collected);
            let watcher = watcher.clone();
            std::thread::spawn(move || collect(stream, &collected, watcher.as_ref()))
        })
        .collect();
    drop(watcher);
    let status = child
        .wait()
        .while_doing(|| format!("cannot wait for `{}`", describe(command)))?;
    for reader in readers {
        let _ = reader.join();
    }
    let bytes = std::mem::take(&mut *collected.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((
        String::from_utf8_lossy(&bytes).into_owned(),
        status.success(),
        status.to_string(),
    ))
}

fn collect(stream: Box<dyn Read + Send>, into: &Mutex<Vec<u8>>, watcher: Option<&Sender<String>>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(read) if read > 0) {
        if let Some(watcher) = watcher {
            let _ = watcher.send(String::from_utf8_lossy(&line).trim().to_owned());
        }
        into.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(&mut line);
    }
}

/// The first stream of a program that must succeed, without the line end.
pub(crate) fn read(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .while_doing(|| format!("cannot start `{}`", describe(command)))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(complaint(&text)).under(format!(
            "`{}` ended with {}",
            describe(command),
            output.status
        )));
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

/// Runs a program on the caller's own streams.
pub(crate) fn show(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .status()
        .while_doing(|| format!("cannot start `{}`", describe(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "`{}` ended with {status}",
            describe(command)
        )))
    }
}

/// Whether a program can be started and succeeds; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The line in which a program says what was wrong: the first that begins like an error, else the
/// last that is not blank.
pub(crate) fn complaint(text: &str) -> String {
    let error = text.lines().find_map(|line| {
        let rest = line.strip_prefix("error")?;
        Some(rest.split_once(": ")?.1.trim())
    });
    let last = || {
        text.lines()
            .rev()
            .map(str::trim)
            .find(|line| !line.is_empty())
    };
    error
        .or_else(last)
        .unwrap_or("it printed nothing")
        .to_owned()
}

/// A command as a person would type it, with the program's name instead of its path.
pub(crate) fn describe(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or_else(|| command.get_program());
    let mut words = vec![quote(&program.to_string_lossy())];
    words.extend(
        command
            .get_args()
            .map(|argument| quote(&argument.to_string_lossy())),
    );
    words.join(" ")
}

/// One word for a POSIX shell.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_keeps_a_word_one_word() {
        assert_eq!(
            quote("aws_arn:arn:aws:iam::1:role/x"),
            "aws_arn:arn:aws:iam::1:role/x"
        );
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("a;b"), "'a;b'");
    }

    #[test]
    fn description_has_the_program_without_its_folder() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["build", "-p", "two words"]);
        assert_eq!(describe(&command), "cargo build -p 'two words'");
    }

    #[test]
    fn a_complaint_is_the_error_or_the_last_line() {
        assert_eq!(complaint("one\ntwo \n\n"), "two");
        assert_eq!(
            complaint("info: x\nerror: no network\n 15: <unknown>\n"),
            "no network"
        );
        assert_eq!(complaint("error[E0001]: wrong\n"), "wrong");
        assert_eq!(complaint("\n"), "it printed nothing");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failure = read(&mut Command::new("whose-no-such-program")).unwrap_err();
        assert!(
            failure
                .to_string()
                .starts_with("cannot start `whose-no-such-program`")
        );
    }
}
