//! The results of `whose bench` for a person.

use super::measure::{Results, Spread};

/// All results, a line each.
pub(super) fn page(results: &Results) -> String {
    let mut lines = vec![format!(
        "{} events, {:.0} bytes each; median (least to most) of so many repetitions",
        results.events,
        results.event_bytes as f64 / results.events as f64
    )];
    for snapshot in &results.snapshots {
        lines.push(format!(
            "snapshot {}: {} bytes, {}",
            snapshot.file,
            snapshot.bytes,
            if snapshot.is_mapped {
                "mapped"
            } else {
                "copied"
            }
        ));
    }
    lines.push(String::new());
    let ms = |name: &str, spread: &Spread| {
        format!(
            "{name:<42} {:>9.2} ms  ({:.2} to {:.2}) of {}",
            spread.median, spread.least, spread.most, spread.repetitions
        )
    };
    lines.push(ms("a process that enriches one event", &results.process_ms));
    if let Some(module) = &results.module_ms {
        lines.push(ms("module read and started", module));
    }
    lines.push(ms("instance made and configured", &results.instance_ms));
    lines.push(ms(
        "snapshot opened to first enriched event",
        &results.attach_ms,
    ));
    for speed in &results.speeds {
        let name = format!(
            "{}, {} {}",
            speed.engine,
            speed.threads,
            if speed.threads == 1 {
                "worker"
            } else {
                "workers"
            }
        );
        let (events, mb) = (&speed.events_per_s, &speed.mb_per_s);
        lines.push(format!(
            "{name:<42} {:>9.0} events/s, {:.0} MB/s  ({:.0} to {:.0}) of {}",
            events.median, mb.median, events.least, events.most, events.repetitions
        ));
    }
    if let Some(ratio) = results.wasm_over_native {
        lines.push(format!("{:<42} {ratio:>9.2}", "wasm time / native time"));
    }
    if let Some(growth) = &results.growth {
        lines.push(format!(
            "{:<42} {:>9.1} MB of share, {:.1} MB written, of {}",
            "memory of a further instance",
            growth.pss_bytes as f64 / 1e6,
            growth.private_dirty_bytes as f64 / 1e6,
            growth.instances
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}
