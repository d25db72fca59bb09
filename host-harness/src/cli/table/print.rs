//! The story as a table, as wide as the terminal.

use comfy_table::{Cell, ContentArrangement, Table, presets};

use super::colour::{Colour, Tone};
use super::row::Row;
use super::story::{Actions, Calm, Entry, Story};

/// Width when standard output is no terminal.
const WIDTH: u16 = 150;
const HEADERS: [&str; 8] = [
    "time",
    "who",
    "did",
    "outcome",
    "expected",
    "why",
    "priority",
    "revoked by",
];

impl Story {
    /// The whole table, with what does not stand in it below.
    pub(crate) fn print(&self, colour: Colour) -> String {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic);
        if !table.is_tty() {
            table.set_width(WIDTH);
        }
        table.set_header(HEADERS);
        let with_date = self.spans_days();
        for entry in &self.entries {
            match entry {
                Entry::Calm(calm) => table.add_row(calm_cells(calm, with_date, colour)),
                Entry::Notable(row, actions) => {
                    table.add_row(cells(row, actions, with_date, colour))
                }
            };
        }
        let mut out = String::new();
        if self.entries.is_empty() {
            out.push_str("no event received context\n");
        } else {
            out.push_str(&format!("{table}\n"));
        }
        if self.left_out > 0 {
            out.push_str(&format!(
                "and {} more notable events, which the enriched output holds\n",
                self.left_out
            ));
        }
        if self.without_context > 0 {
            out.push_str(&format!(
                "{} line{} without context\n",
                self.without_context,
                if self.without_context == 1 { "" } else { "s" }
            ));
        }
        out
    }

    fn spans_days(&self) -> bool {
        let mut days = self.entries.iter().map(|entry| match entry {
            Entry::Calm(calm) => day(&calm.first),
            Entry::Notable(row, _) => day(&row.time),
        });
        let first = days.find(|day| !day.is_empty());
        days.any(|day| !day.is_empty() && Some(day) != first)
    }
}

/// `2026-03-20` of `2026-03-20T05:12:09Z`.
fn day(time: &str) -> &str {
    time.split_once('T').map_or("", |(day, _)| day)
}

/// The time of day to the second, with month and day when the table spans several.
fn short_time(time: &str, with_date: bool) -> String {
    let Some((day, clock)) = time.split_once('T') else {
        return time.to_owned();
    };
    let clock = clock.get(..8).unwrap_or(clock);
    match day.get(5..) {
        Some(day) if with_date => format!("{day} {clock}"),
        _ => clock.to_owned(),
    }
}

fn calm_cells(calm: &Calm, with_date: bool, colour: Colour) -> Vec<Cell> {
    let plural =
        |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let what = match (calm.expected, calm.other) {
        (expected, 0) => plural(expected, "expected event"),
        (0, other) => plural(other, "low-priority event"),
        (expected, other) => format!(
            "{} + {other} of low priority",
            plural(expected, "expected event")
        ),
    };
    let dim = |text: &str| colour.cell(text, Tone::Dim);
    let names = match calm.names.len() {
        0 => String::new(),
        1 => calm.names.first().cloned().unwrap_or_default(),
        count => format!("{count} identities"),
    };
    vec![
        dim(&short_time(&calm.first, with_date)),
        dim(&format!("… {what}")),
        dim(""),
        dim(""),
        dim(""),
        dim(&names),
        dim(""),
        dim(""),
    ]
}

fn cells(row: &Row, actions: &Actions, with_date: bool, colour: Colour) -> Vec<Cell> {
    let loud = match row.priority.as_str() {
        "critical" => Tone::Worst,
        "high" => Tone::Bad,
        "medium" => Tone::Warn,
        _ => Tone::Plain,
    };
    let who = if row.owner.is_empty() {
        row.who.clone()
    } else {
        format!("{}\n({})", row.who, row.owner)
    };
    let counted = |(action, count): &(String, u64)| {
        if *count > 1 {
            format!("{action} ×{count}")
        } else {
            action.clone()
        }
    };
    let mut done: Vec<String> = actions.listed.iter().map(counted).collect();
    if actions.more > 0 {
        done.push(format!("and {} more", actions.more));
    }
    let outcome_tone = if row.outcome == "matched" {
        Tone::Plain
    } else {
        Tone::Warn
    };
    let (expected, expected_tone) = match row.verdict.as_str() {
        "expected" => ("yes", Tone::Good),
        "unexpected" => ("NO", loud.max_bad()),
        "no_baseline" => ("not declared", Tone::Dim),
        other => (other, Tone::Plain),
    };
    vec![
        colour.cell(&short_time(&row.time, with_date), Tone::Plain),
        colour.cell(&who, loud),
        colour.cell(&done.join("\n"), Tone::Plain),
        colour.cell(&row.outcome.replace('_', " "), outcome_tone),
        colour.cell(expected, expected_tone),
        colour.cell(&row.why.join("\n"), Tone::Plain),
        colour.cell(&row.priority, loud),
        colour.cell(&row.revoke, Tone::Plain),
    ]
}

impl Tone {
    /// At least as loud as bad.
    const fn max_bad(self) -> Self {
        match self {
            Self::Worst => Self::Worst,
            _ => Self::Bad,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_get_a_date_when_needed() {
        assert_eq!(short_time("2026-03-20T05:12:09.123Z", false), "05:12:09");
        assert_eq!(short_time("2026-03-20T05:12:09Z", true), "03-20 05:12:09");
        assert_eq!(short_time("yesterday", true), "yesterday");
        assert_eq!(short_time("", false), "");
    }

    #[test]
    fn the_incident_stands_out_between_folds() {
        let mut story = Story::default();
        let calm = r#"{"eventTime":"2026-03-20T05:00:00Z","whose":{"identities":[{"role":"actor","outcome":"matched","name":"a","behavior":{"verdict":"expected"}}],"triage":{"priority":"info"}}}"#;
        let bad = r#"{"eventTime":"2026-03-20T05:01:00Z","eventName":"Delete","whose":{"identities":[{"role":"actor","outcome":"matched","name":"deployer","behavior":{"verdict":"unexpected"}}],"triage":{"priority":"critical","reasons":["tier 0"]}}}"#;
        story.read(format!("{calm}\n{calm}\n{bad}\nx\n").as_bytes());
        let page = story.print(Colour::for_stdout(false));
        assert!(page.contains("… 2 expected events"), "{page}");
        assert!(
            page.contains("deployer")
                && page.contains("NO")
                && page.contains("critical")
                && page.contains("tier 0"),
            "{page}"
        );
        assert!(page.ends_with("1 line without context\n"), "{page}");
        assert!(!page.contains('\x1b'));
        assert_eq!(
            Story::default().print(Colour::for_stdout(false)),
            "no event received context\n"
        );
    }
}
