//! How entries are found in JSON, in CSV and in lines.

use super::*;

fn items(text: &str, lists: &[&str]) -> Result<(Vec<String>, Seen), ConnectError> {
    let input = Input::memory(Path::new("a.json"), text.as_bytes());
    let mut out = Vec::new();
    let seen = each_json(&input, Connector::AwsIamUsers, lists, &mut |item| {
        let wrapper = if item.is_wrapper { " wrapper" } else { "" };
        out.push(format!("{}={}{wrapper}", item.list, item.value));
        Ok(())
    })?;
    Ok((out, seen))
}

#[test]
fn lists_come_in_many_shapes() {
    for (text, expected) in [
        (r#"{"a":1}"#, vec![r#"={"a":1}"#]),
        (r#"{"a":1} {"a":2}"#, vec![r#"={"a":1}"#, r#"={"a":2}"#]),
        ("{\"a\":1}\n{\"a\":2}\n", vec![r#"={"a":1}"#, r#"={"a":2}"#]),
        (r#"[{"a":1},{"a":2}]"#, vec![r#"={"a":1}"#, r#"={"a":2}"#]),
        (
            r#"{"m":true,"L":[{"a":1},{"a":2}],"n":"x"}"#,
            vec![
                r#"L={"a":1}"#,
                r#"L={"a":2}"#,
                r#"={"m":true,"n":"x"} wrapper"#,
            ],
        ),
        // Pages of one answer, slurped into an array; a wrapper inside a wrapper.
        (
            r#"[{"L":[1]},{"W":{"L":[2]}}]"#,
            vec!["L=1", "={} wrapper", "L=2", "={} wrapper", "={} wrapper"],
        ),
        // What is named as a list and is none, and what is a list inside an entry.
        (
            r#"{"L":"x","a":{"L":[1]}}"#,
            vec![r#"={"L":"x","a":{"L":[1]}}"#],
        ),
        (
            r#"{"L":[{"L":[1]}]}"#,
            vec![r#"L={"L":[1]}"#, "={} wrapper"],
        ),
        (
            "\u{feff}# made by hand\n  // twice\n[\n1,\n# x\n2]",
            vec!["=1", "=2"],
        ),
        ("null", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(items(text, &["L", "W"]).unwrap().0, expected, "{text}");
    }
    let (_, seen) = items("# c\n{\"L\":[],\"x\":1}", &["L"]).unwrap();
    assert_eq!(
        (seen.items, seen.comments, seen.lists.contains("L")),
        (0, 1, true)
    );
}

#[test]
fn members_before_a_list_can_be_asked_for() {
    let input = Input::memory(Path::new("a"), br#"{"kind":"PodList","L":[1]}"#);
    let mut kinds = Vec::new();
    each_json(&input, Connector::AwsIamUsers, &["L"], &mut |item| {
        kinds.push((item.list.to_owned(), item.beside.get("kind").cloned()));
        Ok(())
    })
    .unwrap();
    assert_eq!(
        kinds,
        [
            ("L".to_owned(), Some("PodList".into())),
            (String::new(), None)
        ]
    );
}

#[test]
fn faults_name_their_place() {
    for (text, words) in [
        ("{\n\"L\": [1,\n2,,]}", "line 3, column 3: expected value"),
        (
            "{\"L\":[1,{\"a\":",
            "line 1, column 13: EOF while parsing a value; the file is truncated",
        ),
        ("[1] trailing", "line 1, column 7"),
    ] {
        let error = items(text, &["L"]).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("a.json"), "{error}");
    }
    let input = Input::memory(Path::new("a.json"), br#"[{"x":1},{"L":[7,8]}]"#);
    let mut places = Vec::new();
    each_json(&input, Connector::AwsIamUsers, &["L"], &mut |item| {
        places.push(item.place.to_string());
        Ok(())
    })
    .unwrap();
    assert_eq!(
        places,
        [
            "a.json, entry 1",
            "a.json, entry 1 of L",
            "a.json, entry 2 of L",
            "a.json, entry 2"
        ]
    );
}

#[test]
fn what_the_visitor_says_ends_the_reading() {
    let input = Input::memory(Path::new("a.json"), b"[1,2,3]");
    let mut calls = 0;
    let error = each_json(&input, Connector::AwsIamUsers, &[], &mut |_| {
        calls += 1;
        Err(ConnectError::Domain {
            source_name: "s".to_owned(),
            connector: "c",
            what: "account",
        })
    });
    assert!(matches!(error, Err(ConnectError::Domain { .. })));
    assert_eq!(calls, 1);
}

/// Text without end: `[{},{},…`.
struct Endless;

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        out.fill(b' ');
        Ok(out.len())
    }
}

#[test]
fn an_entry_without_end_is_refused() {
    let mut lines = Lines {
        inner: BufReader::new(Endless),
        state: Line::Start,
        held: Rc::new(Cell::new(0)),
        comments: Rc::new(Cell::new(0)),
    };
    let error = io::copy(&mut lines, &mut io::sink()).unwrap_err();
    assert!(error.to_string().contains("larger than 256 MiB"), "{error}");
}

#[test]
fn lines_have_numbers() {
    let input = Input::memory(Path::new("CODEOWNERS"), b"# x\r\n* @a\r\n\n/b @c");
    let mut out = Vec::new();
    each_line(&input, Connector::Backstage, &mut |number, line| {
        out.push(format!("{number} {line}"));
        Ok(())
    })
    .unwrap();
    assert_eq!(out, ["1 # x", "2 * @a", "3 ", "4 /b @c"]);
}
