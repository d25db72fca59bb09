//! Named networks become disjoint sorted ranges, so that a module answers "which networks hold
//! this address, the most specific first" with one binary search.

use std::collections::BTreeSet;
use std::net::IpAddr;

use enrich_core::snapshot::schema::{NetworkRow, RangeV4Row, RangeV6Row};

use enrich_core::vocabulary::NetworkKind;

use super::intern::{Lists, Texts};
use super::{BuildError, fit};
use crate::model::Network;

/// One prefix as a range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    first: u128,
    /// Sorts wide prefixes before the narrow ones that they hold.
    len: u8,
    network: u32,
    last: u128,
}

/// A range whose addresses all lie in the same networks, the most specific first.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    first: u128,
    last: u128,
    networks: Vec<u32>,
}

/// Network rows and ranges of one snapshot.
pub(super) type NetworkTables = (Vec<NetworkRow>, Vec<RangeV4Row>, Vec<RangeV6Row>);

/// Expectations may name addresses and prefixes outright; each becomes a network of that name.
fn unnamed(networks: &[Network], expected: &BTreeSet<String>) -> Vec<Network> {
    let names = expected
        .iter()
        .filter(|name| !networks.iter().any(|network| network.name == **name));
    names
        .filter_map(|name| {
            let prefix = match name.split_once('/') {
                Some((address, len)) => (address.parse().ok()?, len.parse().ok()?),
                None => {
                    let address: IpAddr = name.parse().ok()?;
                    (address, if address.is_ipv4() { 32 } else { 128 })
                }
            };
            Some(Network {
                name: name.clone(),
                kind: NetworkKind::Other,
                prefixes: vec![prefix],
            })
        })
        .collect()
}

pub(super) fn tables(
    networks: &[Network],
    expected: &BTreeSet<String>,
    texts: &mut Texts,
    lists: &mut Lists,
) -> Result<NetworkTables, BuildError> {
    let unnamed = unnamed(networks, expected);
    let mut sorted: Vec<&Network> = networks.iter().chain(&unnamed).collect();
    sorted.sort();
    let mut rows = Vec::with_capacity(sorted.len());
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for (number, network) in sorted.iter().enumerate() {
        rows.push(NetworkRow {
            name: texts.add(&network.name)?,
            kind: u32::from(network.kind.code()),
        });
        for (address, len) in &network.prefixes {
            // Addresses are looked up as IPv4 where they can be, so `::ffff:198.51.100.0/120` is too.
            let (address, len) = &plain(*address, *len);
            let fault = || BuildError::Prefix {
                network: network.name.clone(),
                prefix: *address,
                len: *len,
            };
            let number = fit("networks", number)?;
            match address {
                IpAddr::V4(v4_address) => v4.push(
                    span(u128::from(v4_address.to_bits()), *len, 32, number).ok_or_else(fault)?,
                ),
                IpAddr::V6(v6_address) => {
                    v6.push(span(v6_address.to_bits(), *len, 128, number).ok_or_else(fault)?)
                }
            }
        }
    }
    let mut ranges_v4 = Vec::new();
    for range in flatten(v4) {
        ranges_v4.push(RangeV4Row {
            first: range.first as u32,
            last: range.last as u32,
            networks: lists.add(range.networks)?,
        });
    }
    let mut ranges_v6 = Vec::new();
    for range in flatten(v6) {
        ranges_v6.push(RangeV6Row {
            first: words(range.first),
            last: words(range.last),
            networks: lists.add(range.networks)?,
        });
    }
    Ok((rows, ranges_v4, ranges_v6))
}

/// A prefix of mapped addresses as the IPv4 prefix that it is.
fn plain(address: IpAddr, len: u8) -> (IpAddr, u8) {
    match (address.to_canonical(), len.checked_sub(96)) {
        (v4 @ IpAddr::V4(_), Some(len)) if address.is_ipv6() => (v4, len),
        _ => (address, len),
    }
}

fn words(bits: u128) -> [u32; 4] {
    [
        (bits >> 96) as u32,
        (bits >> 64) as u32,
        (bits >> 32) as u32,
        bits as u32,
    ]
}

fn span(address: u128, len: u8, bits: u8, network: u32) -> Option<Span> {
    let host_bits = u32::from(bits.checked_sub(len)?);
    let host_mask = if host_bits == 128 {
        u128::MAX
    } else {
        (1 << host_bits) - 1
    };
    Some(Span {
        first: address & !host_mask,
        last: address | host_mask,
        len,
        network,
    })
}

/// Prefixes nest or are disjoint, so a stack holds exactly those that cover the sweep's position.
fn flatten(mut spans: Vec<Span>) -> Vec<Range> {
    spans.sort();
    spans.dedup();
    let mut out: Vec<Range> = Vec::new();
    let mut open: Vec<Span> = Vec::new();
    let mut next = Some(0_u128);
    let close_until = |limit: Option<u128>,
                       open: &mut Vec<Span>,
                       next: &mut Option<u128>,
                       out: &mut Vec<Range>| {
        while let Some(top) = open.last().copied() {
            if limit.is_some_and(|limit| top.last >= limit) {
                break;
            }
            if let Some(from) = *next
                && from <= top.last
            {
                push(out, from, top.last, open);
            }
            *next = top.last.checked_add(1);
            open.pop();
        }
    };
    for span in spans {
        close_until(Some(span.first), &mut open, &mut next, &mut out);
        if let Some(from) = next
            && from < span.first
            && !open.is_empty()
        {
            push(&mut out, from, span.first - 1, &open);
        }
        open.push(span);
        next = Some(span.first);
    }
    close_until(None, &mut open, &mut next, &mut out);
    out
}

fn push(out: &mut Vec<Range>, first: u128, last: u128, open: &[Span]) {
    let mut networks: Vec<u32> = Vec::new();
    for span in open.iter().rev() {
        if !networks.contains(&span.network) {
            networks.push(span.network);
        }
    }
    if let Some(previous) = out.last_mut()
        && previous.last.checked_add(1) == Some(first)
        && previous.networks == networks
    {
        previous.last = last;
        return;
    }
    out.push(Range {
        first,
        last,
        networks,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(spans: &[Span], address: u128) -> Vec<u32> {
        let mut covering: Vec<&Span> = spans
            .iter()
            .filter(|s| s.first <= address && address <= s.last)
            .collect();
        covering.sort();
        let mut out = Vec::new();
        for span in covering.iter().rev() {
            if !out.contains(&span.network) {
                out.push(span.network);
            }
        }
        out
    }

    fn check(spans: Vec<Span>) {
        let ranges = flatten(spans.clone());
        for pair in ranges.windows(2) {
            assert!(pair[0].last < pair[1].first, "{ranges:?}");
        }
        let mut probes = Vec::new();
        for span in &spans {
            for edge in [span.first, span.last] {
                probes.extend([edge, edge.wrapping_sub(1), edge.saturating_add(1)]);
            }
        }
        for probe in probes {
            let found = ranges
                .iter()
                .find(|r| r.first <= probe && probe <= r.last)
                .map_or(Vec::new(), |r| r.networks.clone());
            assert_eq!(
                found,
                model(&spans, probe),
                "address {probe:#x} in {spans:?}"
            );
        }
    }

    #[test]
    fn nested_and_touching_prefixes() {
        let v4 = |text: &str, len, network| {
            span(
                u128::from(text.parse::<std::net::Ipv4Addr>().unwrap().to_bits()),
                len,
                32,
                network,
            )
            .unwrap()
        };
        check(vec![
            v4("10.0.0.0", 8, 0),
            v4("10.1.0.0", 16, 1),
            v4("10.1.2.0", 24, 2),
            v4("10.1.3.0", 24, 2),
            v4("10.255.255.255", 32, 3),
            v4("11.0.0.0", 8, 1),
            v4("10.1.2.0", 24, 4),
            v4("0.0.0.0", 0, 5),
        ]);
        check(vec![v4("255.255.255.255", 32, 0), v4("0.0.0.0", 32, 1)]);
        check(vec![
            span(u128::MAX, 128, 128, 0).unwrap(),
            span(0, 0, 128, 1).unwrap(),
        ]);
    }

    /// A linear congruential generator, so that the cases are the same everywhere.
    #[test]
    fn many_random_prefixes() {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        for _ in 0..200 {
            let spans = (0..random() % 20)
                .map(|n| {
                    span(
                        u128::from(random() as u32 & 0x0F00_FFFF),
                        (random() % 33) as u8,
                        32,
                        (n % 5) as u32,
                    )
                    .unwrap()
                })
                .collect();
            check(spans);
        }
    }
}
