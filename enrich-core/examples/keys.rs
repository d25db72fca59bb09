//! Prints what is observed in events, without a module and without a snapshot:
//! `cargo run --release -p enrich-core --example keys -- [CONFIG_JSON] < events.ndjson`.

use std::io::{Read, Write};

use enrich_core::{Config, Enricher};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = match std::env::args().nth(1) {
        Some(json) => Config::from_json(json.as_bytes())?,
        None => Config::default(),
    };
    let mut events = Vec::new();
    std::io::stdin().read_to_end(&mut events)?;
    std::io::stdout().write_all(Enricher::new(config).keys(&events))?;
    Ok(())
}
